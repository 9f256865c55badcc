// libweft and what servers lose, or may lose: fsync, durability ids, eras.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "client/core/testing/vfs_fixture.h"
#include "common/status.h"

namespace weft::client {
namespace {

using Fault = FakeStorage::Fault;
using std::chrono::milliseconds;

class VfsDurabilityTest : public VfsFixture {
 protected:
  HandleId Create(Vfs& vfs, std::string_view name) { return VfsFixture::Create(vfs, name).handle; }
  HandleId Open(Vfs& vfs, std::string_view name) { return VfsFixture::Open(vfs, name).handle; }
  testing::AssertionResult Holds(Vfs& vfs, HandleId handle, const std::string& text) {
    const auto all = ReadAll(vfs, handle);
    if (!all.ok()) return testing::AssertionFailure() << all.status();
    return SameBytes(*all, text);
  }
};

TEST_F(VfsDurabilityTest, LostDurabilityIsAnErrorOfFsync) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  const HandleId second = Open(*vfs, "a");
  Write(*vfs, file, 0, Text(14, 3 * kChunk));
  ASSERT_TRUE(vfs->Flush(file).ok());
  cluster_.storage(1).SetDurabilityId("second");
  EXPECT_EQ(ErrnoOf(vfs->Fsync(file)), EIO);
  EXPECT_EQ(ErrnoOf(vfs->Fsync(second)), EIO);
  EXPECT_TRUE(vfs->Fsync(file).ok());
  Write(*vfs, file, 0, Text(15, 3 * kChunk));
  EXPECT_TRUE(vfs->Fsync(file).ok());

  Write(*vfs, file, 0, "x");
  ASSERT_TRUE(vfs->Flush(file).ok());
  cluster_.metadata().SetDurabilityId("second");
  EXPECT_EQ(ErrnoOf(vfs->Fsync(file)), EIO);
  EXPECT_EQ(ErrnoOf(vfs->Fsync(second)), EIO);
  EXPECT_TRUE(vfs->Fsync(file).ok());
  EXPECT_EQ(ErrnoOf(vfs->FsyncDirectory()), EIO);
  EXPECT_TRUE(vfs->FsyncDirectory().ok());
}

TEST_F(VfsDurabilityTest, AnFsyncWaitsForWhatAnotherOneSyncs) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  const HandleId second = Open(*vfs, "a");
  Write(*vfs, file, 0, Text(14, 3 * kChunk));
  ASSERT_TRUE(vfs->Flush(file).ok());
  cluster_.SetFault(Fault::kHang);
  std::thread first([&] { EXPECT_EQ(ErrnoOf(vfs->Fsync(file)), EIO); });
  WaitFor([&] { return cluster_.StorageCalls(proto::SYNC_TARGET) >= 1; });
  std::thread other([&] { EXPECT_EQ(ErrnoOf(vfs->Fsync(second)), EIO); });
  std::this_thread::sleep_for(milliseconds(50));  // only makes it likely that the other waits
  for (size_t i = 0; i < 3; ++i) cluster_.storage(i).SetDurabilityId("second");
  cluster_.SetFault(Fault::kNone);
  first.join();
  other.join();
  EXPECT_TRUE(vfs->Fsync(file).ok());
  EXPECT_TRUE(vfs->Fsync(second).ok());
}

TEST_F(VfsDurabilityTest, WhatTheServerHasLostIsBelieved) {
  auto vfs = cluster_.Mount();
  const auto opened = VfsFixture::Create(*vfs, "a");
  const HandleId file = opened.handle;
  Write(*vfs, file, 0, "old");
  ASSERT_TRUE(vfs->Fsync(file).ok());
  const proto::Attr before = cluster_.metadata().AttrOf("a");
  Write(*vfs, file, 0, "newer");
  ASSERT_TRUE(vfs->Flush(file).ok());
  EXPECT_EQ(Size(*vfs, opened), 5u);
  cluster_.metadata().PutBack(before, "old");
  EXPECT_EQ(Size(*vfs, opened), 5u) << "an older answer";
  cluster_.metadata().SetDurabilityId("second");
  EXPECT_EQ(Size(*vfs, opened), 3u);
  EXPECT_TRUE(Holds(*vfs, file, "old"));
  EXPECT_EQ(ErrnoOf(vfs->Fsync(file)), EIO);
  Write(*vfs, file, 1, "again");
  EXPECT_TRUE(vfs->Fsync(file).ok());
  EXPECT_TRUE(Holds(*vfs, file, "oagain"));
}

TEST_F(VfsDurabilityTest, AFileWhoseMoveTheServerHasLostIsMovedAgain) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  Write(*vfs, file, 0, "0123456789");
  ASSERT_TRUE(vfs->Fsync(file).ok());
  const proto::Attr before = cluster_.metadata().AttrOf("a");
  Write(*vfs, file, kChunk, "far");
  ASSERT_TRUE(vfs->Flush(file).ok());
  Write(*vfs, file, 2, "XX");
  cluster_.metadata().PutBack(before, "0123456789");
  cluster_.metadata().SetDurabilityId("second");
  EXPECT_EQ(ErrnoOf(vfs->Fsync(file)), EIO);
  Write(*vfs, file, 2 * kChunk, "new");
  EXPECT_TRUE(vfs->Fsync(file).ok());
  const std::string bytes = Read(*vfs, file);
  EXPECT_EQ(bytes.substr(0, 10), "01XX456789");
  EXPECT_EQ(bytes.substr(2 * kChunk), "new");
}

TEST_F(VfsDurabilityTest, FsyncSyncsWhatOthersWroteBefore) {
  auto one = cluster_.Mount();
  const HandleId file = Create(*one, "a");
  Write(*one, file, 0, Text(16, 6 * kChunk));
  ASSERT_TRUE(one->Release(file).ok());
  auto two = cluster_.Mount();
  EXPECT_EQ(cluster_.StorageCalls(proto::SYNC_TARGET), 0u);
  const HandleId other = Open(*two, "a");
  ASSERT_TRUE(two->Fsync(other).ok());
  EXPECT_EQ(cluster_.StorageCalls(proto::SYNC_TARGET), 3u);
  const uint64_t syncs = cluster_.metadata().calls(proto::SYNC);
  ASSERT_TRUE(two->Fsync(other).ok());
  EXPECT_EQ(cluster_.StorageCalls(proto::SYNC_TARGET), 3u);
  EXPECT_EQ(cluster_.metadata().calls(proto::SYNC), syncs + 1);
}

}  // namespace
}  // namespace weft::client
