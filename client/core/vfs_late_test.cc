// libweft and changes of chunks that got no answer: they must not run after newer ones.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include <chrono>

#include "client/core/testing/vfs_fixture.h"
#include "common/status.h"

namespace weft::client {
namespace {

using Fault = FakeStorage::Fault;

class VfsLateTest : public VfsFixture {
 protected:
  VfsLateTest() {
    impatient_ = one_.Options();
    impatient_.io_timeout = std::chrono::milliseconds(300);
  }
  FakeStorage& storage() { return one_.storage(0); }

  TestCluster one_{1};
  VfsOptions impatient_;
};

TEST_F(VfsLateTest, AWriteWithoutAnAnswerDoesNotComeAfterANewerOne) {
  auto vfs = one_.Mount(impatient_);
  const Opened file = Create(*vfs, "a");
  storage().HoldNextWrite();
  Write(*vfs, file.handle, 0, Text(1, kChunk));
  EXPECT_EQ(ErrnoOf(vfs->Flush(file.handle)), EIO);
  ASSERT_TRUE(storage().holds_write());
  const uint64_t before = storage().calls(proto::WRITE_CHUNK);
  const std::string newer = Text(2, kChunk);
  Write(*vfs, file.handle, 0, newer);
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_EQ(storage().calls(proto::WRITE_CHUNK), before + 1);
  storage().ReleaseWrite();
  storage().Stop();  // answers what it has
  storage().Start();
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), newer));
}

TEST_F(VfsLateTest, OnlyAMissingAnswerRaisesTheGeneration) {
  auto vfs = one_.Mount(impatient_);
  const Opened file = Create(*vfs, "a");
  const auto write = [&] {
    Write(*vfs, file.handle, 0, Text(1, 3 * kChunk));
    return ErrnoOf(vfs->Flush(file.handle));
  };
  EXPECT_EQ(write(), 0);
  const uint64_t first = storage().generation();
  storage().SetFault(Fault::kNoSpace);
  EXPECT_EQ(write(), ENOSPC);
  storage().SetFault(Fault::kBusy);
  EXPECT_EQ(write(), EIO);
  storage().SetFault(Fault::kNone);
  storage().RefuseChecksums(2);
  EXPECT_EQ(write(), 0);
  EXPECT_TRUE(
      vfs->Fallocate(file.handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kChunk).ok());
  EXPECT_EQ(storage().generation(), first);

  storage().SetFault(Fault::kHang);
  EXPECT_EQ(write(), EIO);
  storage().SetFault(Fault::kNone);
  EXPECT_EQ(write(), 0);
  const uint64_t second = storage().generation();
  EXPECT_GT(second, first);
  EXPECT_EQ(write(), 0);
  EXPECT_EQ(storage().generation(), second);
}

TEST_F(VfsLateTest, ReadsWithoutAnAnswerRaiseNothing) {
  auto vfs = one_.Mount(impatient_);
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, Text(1, kChunk));
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  const uint64_t first = storage().generation();
  storage().SetFault(Fault::kHang);
  EXPECT_EQ(ErrnoOf(ReadAll(*vfs, file.handle).status()), EIO);
  storage().SetFault(Fault::kNone);
  Write(*vfs, file.handle, 0, Text(2, kChunk));
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_EQ(storage().generation(), first);
}

TEST_F(VfsLateTest, WhatIsOutdatedIsSentAgainAtOnce) {
  auto vfs = one_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, Text(1, kChunk));
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  const uint64_t maps = one_.metadata().calls(proto::GET_CLUSTER_MAP);
  const uint64_t writes = storage().calls(proto::WRITE_CHUNK);
  storage().RefuseGenerations(3);
  const std::string text = Text(2, kChunk);
  Write(*vfs, file.handle, 0, text);
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_EQ(storage().calls(proto::WRITE_CHUNK), writes + 4);
  EXPECT_EQ(one_.metadata().calls(proto::GET_CLUSTER_MAP), maps) << "without looking for the way";
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
}

}  // namespace
}  // namespace weft::client
