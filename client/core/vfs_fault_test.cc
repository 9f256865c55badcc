// libweft while servers fail: absence, restarts, errors, damage, hanging, lost sessions.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "client/core/testing/vfs_fixture.h"
#include "common/status.h"

namespace weft::client {
namespace {

using Fault = FakeStorage::Fault;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class VfsFaultTest : public VfsFixture {
 protected:
  VfsFaultTest() {
    // Errors that come after a timeout should come soon; the other tests wait for no timeout.
    impatient_ = cluster_.Options();
    impatient_.io_timeout = milliseconds(300);
  }
  HandleId Create(Vfs& vfs, std::string_view name) { return VfsFixture::Create(vfs, name).handle; }
  HandleId Open(Vfs& vfs, std::string_view name) { return VfsFixture::Open(vfs, name).handle; }
  testing::AssertionResult Holds(Vfs& vfs, HandleId handle, const std::string& text) {
    const auto all = ReadAll(vfs, handle);
    if (!all.ok()) return testing::AssertionFailure() << all.status();
    return SameBytes(*all, text);
  }

  VfsOptions impatient_;
};

TEST_F(VfsFaultTest, CallsWaitForStorageServersThatComeBack) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  const std::string text = Text(1, 6 * kChunk);
  cluster_.storage(0).Stop();
  Write(*vfs, file, 0, text);
  std::thread flush([&] { EXPECT_TRUE(vfs->Fsync(file).ok()); });
  WaitFor([&] { return cluster_.StorageCalls(proto::WRITE_CHUNK) >= 3; });
  cluster_.storage(0).Start();
  flush.join();
  EXPECT_TRUE(Holds(*vfs, file, text));

  cluster_.storage(1).Stop();
  std::thread read([&] { EXPECT_TRUE(Holds(*vfs, file, text)); });
  std::this_thread::sleep_for(milliseconds(50));  // only makes it likely that the reader waits
  cluster_.storage(1).Start();
  read.join();
}

TEST_F(VfsFaultTest, CallsWaitForTheMetadataServerAndOpensAreReported) {
  cluster_.metadata().SetTtl(300);
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  Write(*vfs, file, 0, "hello");
  const HandleId second = Open(*vfs, "a");
  const HandleId third = Open(*vfs, "a");
  cluster_.metadata().Stop();
  std::thread flush([&] { EXPECT_TRUE(vfs->Fsync(file).ok()); });
  std::this_thread::sleep_for(milliseconds(50));  // only makes it likely that the flush waits
  cluster_.metadata().SetServerStart(2);
  cluster_.metadata().Start();
  flush.join();
  WaitFor([&] { return cluster_.metadata().reported_opens() == 3; });
  EXPECT_TRUE(Holds(*vfs, file, "hello"));
  EXPECT_EQ(cluster_.metadata().AttrOf("a").size_bytes(), 5u);
  EXPECT_TRUE(vfs->Release(second).ok());
  EXPECT_TRUE(vfs->Release(third).ok());
}

TEST_F(VfsFaultTest, AfterTheIoTimeoutAnErrorIsToldOnceToEachHandle) {
  auto vfs = cluster_.Mount(impatient_);
  const HandleId file = Create(*vfs, "a");
  const HandleId second = Open(*vfs, "a");
  cluster_.storage(0).Stop();
  cluster_.storage(1).Stop();
  cluster_.storage(2).Stop();
  Write(*vfs, file, 0, Text(2, 3 * kChunk));
  EXPECT_EQ(ErrnoOf(vfs->Flush(file)), EIO);
  for (size_t i = 0; i < 3; ++i) cluster_.storage(i).Start();
  EXPECT_TRUE(vfs->Flush(file).ok());
  EXPECT_TRUE(vfs->Release(file).ok());
  EXPECT_EQ(ErrnoOf(vfs->Fsync(second)), EIO);
  EXPECT_TRUE(vfs->Fsync(second).ok());
  const HandleId late = Open(*vfs, "a");
  EXPECT_TRUE(vfs->Fsync(late).ok());

  const std::string text = Text(3, 4 * kChunk);  // and it is as good as new
  Write(*vfs, second, 0, text);
  EXPECT_TRUE(vfs->Fsync(second).ok());
  EXPECT_TRUE(Holds(*vfs, second, text));
}

TEST_F(VfsFaultTest, LackOfSpaceComesUpAsSuch) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  cluster_.SetFault(Fault::kNoSpace);
  Write(*vfs, file, 0, Text(4, 3 * kChunk));
  EXPECT_EQ(ErrnoOf(vfs->Flush(file)), ENOSPC);
  EXPECT_TRUE(vfs->Flush(file).ok());
  cluster_.SetFault(Fault::kNone);
  const std::string text = Text(5, 2 * kChunk);
  Write(*vfs, file, 0, text);
  EXPECT_TRUE(vfs->Flush(file).ok());
  EXPECT_TRUE(Holds(*vfs, file, text));
}

TEST_F(VfsFaultTest, LackOfSpaceDuringTheMoveKeepsTheInlineBytes) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  Write(*vfs, file, 0, "precious");
  ASSERT_TRUE(vfs->Fsync(file).ok());
  cluster_.SetFault(Fault::kNoSpace);
  Write(*vfs, file, 2 * kChunk, "more");
  EXPECT_EQ(ErrnoOf(vfs->Flush(file)), ENOSPC);
  EXPECT_TRUE(cluster_.metadata().AttrOf("a").content().is_inline());
  cluster_.SetFault(Fault::kNone);
  EXPECT_TRUE(Holds(*vfs, file, "precious"));
  Write(*vfs, file, kChunk, "again");
  EXPECT_TRUE(vfs->Flush(file).ok());
  std::string expected = "precious";
  expected.resize(kChunk);
  expected += "again";
  EXPECT_TRUE(Holds(*vfs, file, expected));
  auto other = cluster_.Mount();
  EXPECT_TRUE(Holds(*other, Open(*other, "a"), expected));
}

TEST_F(VfsFaultTest, ABrokenDiskIsAnErrorOfTheRead) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  const std::string text = Text(6, 3 * kChunk);
  Write(*vfs, file, 0, text);
  ASSERT_TRUE(vfs->Flush(file).ok());
  cluster_.SetFault(Fault::kIoError);
  EXPECT_EQ(ErrnoOf(ReadAll(*vfs, file).status()), EIO);
  cluster_.SetFault(Fault::kNone);
  EXPECT_TRUE(Holds(*vfs, file, text));
}

TEST_F(VfsFaultTest, DamagedBytesAreReadAgainAndElseNamed) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  const std::string text = Text(7, 3 * kChunk);
  Write(*vfs, file, 0, text);
  ASSERT_TRUE(vfs->Flush(file).ok());
  cluster_.SetFault(Fault::kCorruptOnce);
  EXPECT_TRUE(Holds(*vfs, file, text));
  cluster_.SetFault(Fault::kCorruptAlways);
  const auto read = vfs->Read(file, kChunk, 4096);
  EXPECT_EQ(ErrnoOf(read.status()), EIO);
  EXPECT_NE(MessageOf(read.status()).find("chunk 1 of content"), std::string::npos)
      << read.status();
  EXPECT_NE(MessageOf(read.status()).find("on target"), std::string::npos) << read.status();
}

TEST_F(VfsFaultTest, PayloadsDamagedOnTheirWayAreSentAgain) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  const std::string text = Text(8, 3 * kChunk);
  for (size_t i = 0; i < 3; ++i) cluster_.storage(i).RefuseChecksums(2);
  Write(*vfs, file, 0, text);
  EXPECT_TRUE(vfs->Flush(file).ok());
  EXPECT_TRUE(Holds(*vfs, file, text));
  for (size_t i = 0; i < 3; ++i) cluster_.storage(i).RefuseChecksums(1'000'000);
  Write(*vfs, file, 0, text);
  EXPECT_EQ(ErrnoOf(vfs->Flush(file)), EIO);
}

TEST_F(VfsFaultTest, AHangingServerDoesNotStopWritesToOthers) {
  auto vfs = cluster_.Mount();
  const HandleId slow = Create(*vfs, "slow");
  const HandleId file = Create(*vfs, "a");
  cluster_.storage(0).SetFault(Fault::kHang);
  Write(*vfs, slow, 0, Text(9, 6 * kChunk));
  // Within the bound of the file all other chunks get through, and the writer is not stopped.
  Write(*vfs, file, 0, Text(10, 12 * kChunk));
  WaitFor([&] {
    return cluster_.storage(1).chunk_count() >= 4 && cluster_.storage(2).chunk_count() >= 4;
  });
  cluster_.storage(0).SetFault(Fault::kNone);
  EXPECT_TRUE(vfs->Flush(slow).ok());
  EXPECT_TRUE(vfs->Flush(file).ok());
  EXPECT_TRUE(Holds(*vfs, file, Text(10, 12 * kChunk)));
}

TEST_F(VfsFaultTest, WritersBeyondTheBoundWaitForAHangingServer) {
  auto options = cluster_.Options();
  options.file_write_buffer_bytes = 4 * kChunk;
  options.write_buffer_bytes = 8 * kChunk;
  auto vfs = cluster_.Mount(options);
  cluster_.SetFault(Fault::kHang);
  std::atomic<int> done = 0;
  std::vector<std::thread> writers;
  std::vector<HandleId> files;
  for (int i = 0; i < 3; ++i) files.push_back(Create(*vfs, "f" + std::to_string(i)));
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&, i] {
      Write(*vfs, files[i], 0, Text(20 + i, 20 * kChunk));
      ++done;
    });
  }
  WaitFor([&] { return cluster_.StorageCalls(proto::WRITE_CHUNK) >= 2; });
  EXPECT_EQ(done, 0);  // none can have room for all of its bytes
  cluster_.SetFault(Fault::kNone);
  for (std::thread& writer : writers) writer.join();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(vfs->Flush(files[i]).ok());
    EXPECT_TRUE(Holds(*vfs, files[i], Text(20 + i, 20 * kChunk)));
  }
}

TEST_F(VfsFaultTest, MemoryHeldByPartialSlabsOfOthersIsFreed) {
  auto options = cluster_.Options();
  options.write_buffer_bytes = 4 * kChunk;
  auto vfs = cluster_.Mount(options);
  std::vector<HandleId> files;
  // Each holds a slab that is not full; together they hold more than the mount may.
  for (int i = 0; i < 20; ++i) {
    files.push_back(Create(*vfs, "f" + std::to_string(i)));
    Write(*vfs, files.back(), 0, Text(i, 10'000));
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Holds(*vfs, files[i], Text(i, 10'000)));
}

TEST_F(VfsFaultTest, AMapThatMovedIsFetched) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  Write(*vfs, file, 0, Text(11, 2 * kChunk));
  ASSERT_TRUE(vfs->Flush(file).ok());
  // The servers know a newer map; then the client gets it. Chunks live elsewhere in it, so only
  // what is written from now on is looked at.
  for (size_t i = 0; i < cluster_.storage_count(); ++i) cluster_.storage(i).SetMapEpoch(2);
  Write(*vfs, file, 0, Text(12, 6 * kChunk));
  std::thread flush([&] { EXPECT_TRUE(vfs->Flush(file).ok()); });
  WaitFor([&] { return cluster_.metadata().calls(proto::GET_CLUSTER_MAP) >= 2; });
  cluster_.PublishMap(1);  // epoch 2
  flush.join();
  EXPECT_TRUE(Holds(*vfs, file, Text(12, 6 * kChunk)));
}

TEST_F(VfsFaultTest, ABusyServerIsAskedAgainAndNotHammered) {
  auto vfs = cluster_.Mount(impatient_);
  const HandleId file = Create(*vfs, "a");
  cluster_.SetFault(Fault::kBusy);
  Write(*vfs, file, 0, Text(13, kChunk));
  EXPECT_EQ(ErrnoOf(vfs->Flush(file)), EIO);
  EXPECT_LT(cluster_.StorageCalls(proto::WRITE_CHUNK), 40u);
}

TEST_F(VfsFaultTest, WhatIsGivenUpInTheMiddleOfAMoveLeavesTheInlineBytes) {
  auto vfs = cluster_.Mount(impatient_);
  const HandleId first = Create(*vfs, "a");
  Write(*vfs, first, 0, "0123456789");
  ASSERT_TRUE(vfs->Fsync(first).ok());
  cluster_.SetFault(Fault::kBusy);
  Write(*vfs, first, 2, "XX");
  Write(*vfs, first, kChunk, "far");
  EXPECT_EQ(ErrnoOf(vfs->Release(first)), EIO);
  cluster_.SetFault(Fault::kNone);

  // Only the one who closed it had anything to lose.
  const HandleId second = Open(*vfs, "a");
  Write(*vfs, second, 2 * kChunk, "new");
  EXPECT_TRUE(vfs->Fsync(second).ok());
  const std::string bytes = Read(*vfs, second);
  EXPECT_EQ(bytes.size(), 2 * kChunk + 3);
  EXPECT_EQ(bytes.substr(0, 10), "0123456789");
  EXPECT_EQ(bytes.substr(2 * kChunk), "new");
}

TEST_F(VfsFaultTest, ChunksOfAMoveThatWasGivenUpAreReclaimed) {
  auto vfs = cluster_.Mount(impatient_);
  const HandleId file = Create(*vfs, "a");
  Write(*vfs, file, 0, "0123456789");
  ASSERT_TRUE(vfs->Fsync(file).ok());
  cluster_.storage(0).SetFault(Fault::kBusy);
  Write(*vfs, file, 0, Text(3, 3 * kChunk));
  EXPECT_EQ(ErrnoOf(vfs->Release(file)), EIO);
  cluster_.storage(0).SetFault(Fault::kNone);
  EXPECT_GT(cluster_.StorageCalls(proto::WRITE_CHUNK), 0u);
  EXPECT_EQ(cluster_.ChunkCount(), 0u);
  EXPECT_TRUE(Holds(*vfs, Open(*vfs, "a"), "0123456789"));
}

TEST_F(VfsFaultTest, ALostSessionIsReplacedAndWhatWasBufferedIsReported) {
  auto vfs = cluster_.Mount();
  const HandleId dirty = Create(*vfs, "dirty");
  const HandleId clean = Create(*vfs, "clean");
  Write(*vfs, clean, 0, "clean");
  ASSERT_TRUE(vfs->Flush(clean).ok());
  cluster_.metadata().ExpireSessions();
  Write(*vfs, dirty, 0, "dirty");
  const auto opened = vfs->Create({}, kRootInode, "new", 0644, false, kReadWrite);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(cluster_.metadata().session_count(), 1u);
  EXPECT_EQ(cluster_.metadata().reported_opens(), 2u);
  EXPECT_EQ(ErrnoOf(vfs->Fsync(dirty)), EIO);
  EXPECT_TRUE(vfs->Fsync(dirty).ok());
  EXPECT_TRUE(vfs->Fsync(clean).ok());
  Write(*vfs, dirty, 0, "after");
  EXPECT_TRUE(vfs->Fsync(dirty).ok());
  EXPECT_TRUE(Holds(*vfs, dirty, "after"));
}

TEST_F(VfsFaultTest, WhoOnlyWritesHearsOfAFullFileSystem) {
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  const HandleId other = Open(*vfs, "a");
  cluster_.SetFault(FakeStorage::Fault::kNoSpace);
  uint64_t offset = 0;
  WaitFor([&] {
    const absl::Status status = vfs->Write(file, offset, AsBytes(Text(1, kChunk)), false);
    offset += kChunk;
    return ErrnoOf(status) == ENOSPC;
  });
  EXPECT_EQ(ErrnoOf(vfs->Write(other, 0, AsBytes("x"), false)), ENOSPC) << "each is told";
  EXPECT_EQ(ErrnoOf(vfs->Flush(other)), ENOSPC) << "the kernel may have kept it to itself";
  cluster_.SetFault(FakeStorage::Fault::kNone);
  WaitFor([&] { return vfs->Flush(file).ok(); });
  EXPECT_TRUE(vfs->Write(file, 0, AsBytes("room"), false).ok());
  EXPECT_TRUE(vfs->Fsync(file).ok());
}

// Another mount may have got a lock since: bytes of before must not come after its own.
TEST_F(VfsFaultTest, BytesOfALostSessionAreNotBroughtInTheNextOne) {
  auto vfs = cluster_.Mount();
  const HandleId small = Create(*vfs, "small");
  const HandleId large = Create(*vfs, "large");
  Write(*vfs, small, 0, "old");
  Write(*vfs, large, 0, Text(1, kChunk));
  ASSERT_TRUE(vfs->Flush(small).ok());
  ASSERT_TRUE(vfs->Flush(large).ok());
  cluster_.metadata().ExpireSessions();
  Write(*vfs, small, 0, "new");
  EXPECT_EQ(ErrnoOf(vfs->Flush(small)), EIO);
  cluster_.metadata().ExpireSessions();
  Write(*vfs, large, kChunk, "more");
  EXPECT_EQ(ErrnoOf(vfs->Flush(large)), EIO);
  EXPECT_EQ(ErrnoOf(vfs->Write(small, 0, AsBytes("appended"), true)), 0);
  cluster_.metadata().ExpireSessions();
  EXPECT_EQ(ErrnoOf(vfs->Write(small, 0, AsBytes("lost"), true)), EIO);
  EXPECT_EQ(cluster_.metadata().AttrOf("large").size_bytes(), kChunk);
  auto other = cluster_.Mount();
  EXPECT_TRUE(Holds(*other, Open(*other, "small"), "oldappended"));
  EXPECT_TRUE(Holds(*vfs, small, "oldappended"));
}

TEST_F(VfsFaultTest, TheKeepAliveNoticesALostSession) {
  cluster_.metadata().SetTtl(300);
  auto vfs = cluster_.Mount();
  const HandleId file = Create(*vfs, "a");
  cluster_.metadata().ExpireSessions();
  WaitFor([&] { return cluster_.metadata().reported_opens() == 1; });
  Write(*vfs, file, 0, "hello");
  EXPECT_TRUE(vfs->Fsync(file).ok());
}

TEST_F(VfsFaultTest, TheEndOfTheMountIsBoundedAndSaysWhatIsLost) {
  auto vfs = cluster_.Mount(impatient_);
  std::vector<HandleId> files;
  for (int i = 0; i < 10; ++i) {
    files.push_back(Create(*vfs, "f" + std::to_string(i)));
    Write(*vfs, files.back(), 0, Text(i, 2 * kChunk));
  }
  cluster_.metadata().Stop();
  for (size_t i = 0; i < 3; ++i) cluster_.storage(i).Stop();
  const auto start = steady_clock::now();
  const absl::Status closed = vfs->Close();
  EXPECT_EQ(ErrnoOf(closed), EIO) << closed;
  vfs.reset();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(60));  // not ten timeouts of a minute
}

}  // namespace
}  // namespace weft::client
