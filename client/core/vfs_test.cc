// What an application sees of libweft while all servers are well and no other mount is there.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include <set>

#include "client/core/testing/vfs_fixture.h"
#include "common/limits.h"

namespace weft::client {
namespace {

using VfsTest = VfsFixture;

TEST_F(VfsTest, ASmallFileStaysInline) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  EXPECT_TRUE(file.created);
  Write(*vfs, file.handle, 0, "hello");
  Write(*vfs, file.handle, 10, "world");
  EXPECT_EQ(Size(*vfs, file), 15u);
  EXPECT_EQ(Read(*vfs, file.handle), std::string("hello\0\0\0\0\0world", 15));
  EXPECT_EQ(cluster_.metadata().AttrOf("a").size_bytes(), 0u);
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_EQ(cluster_.metadata().AttrOf("a").size_bytes(), 15u);
  EXPECT_TRUE(cluster_.metadata().AttrOf("a").content().is_inline());
  ASSERT_TRUE(vfs->Release(file.handle).ok());
  EXPECT_EQ(cluster_.ChunkCount(), 0u);

  auto other = cluster_.Mount();
  EXPECT_EQ(Read(*other, Open(*other, "a").handle), std::string("hello\0\0\0\0\0world", 15));
}

TEST_F(VfsTest, ALargeNewFileGoesToChunksWithOneCommit) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  const std::string text = Text(1, 5 * kChunk + 123);
  for (size_t at = 0; at < text.size(); at += 10'000) {
    Write(*vfs, file.handle, at, std::string_view(text).substr(at, 10'000));
  }
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  const proto::Attr attr = cluster_.metadata().AttrOf("a");
  EXPECT_FALSE(attr.content().is_inline());
  EXPECT_EQ(attr.size_bytes(), text.size());
  EXPECT_EQ(cluster_.metadata().calls(proto::WRITE_INLINE), 0u);
  EXPECT_EQ(cluster_.StorageCalls(proto::SYNC_TARGET), 0u);
  EXPECT_EQ(cluster_.ChunkCount(), 6u);
  ASSERT_TRUE(vfs->Release(file.handle).ok());
  EXPECT_EQ(cluster_.metadata().open_count(), 0);

  auto other = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*other, Open(*other, "a").handle), text));
}

TEST_F(VfsTest, AFileWithInlineBytesMovesToChunksOnce) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  std::string text = Text(2, kInline);
  Write(*vfs, file.handle, 0, text);
  ASSERT_TRUE(vfs->Fsync(file.handle).ok());
  EXPECT_TRUE(cluster_.metadata().AttrOf("a").content().is_inline());
  Write(*vfs, file.handle, kInline, "x");
  text += "x";
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_FALSE(cluster_.metadata().AttrOf("a").content().is_inline());
  EXPECT_GE(cluster_.StorageCalls(proto::SYNC_TARGET), 1u);  // the inline bytes were durable
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  auto other = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*other, Open(*other, "a").handle), text));
}

TEST_F(VfsTest, ChunksOfAFileThatWasEmptyForTheServerAreNotSeenAgain) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, Text(18, 40 * kChunk));  // much of it is stored, nothing committed
  Resize(*vfs, file, 0);
  Write(*vfs, file.handle, 40 * kChunk, "x");
  std::string expected(40 * kChunk, '\0');
  expected += "x";
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
}

TEST_F(VfsTest, WhatWasCutDoesNotComeBack) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  for (const bool flush : {false, true}) {
    const std::string text = Text(4, 3 * kChunk);
    Write(*vfs, file.handle, 0, text);
    if (flush) ASSERT_TRUE(vfs->Flush(file.handle).ok());
    Resize(*vfs, file, kChunk + 100);
    Resize(*vfs, file, 2 * kChunk);
    std::string expected = text.substr(0, kChunk + 100);
    expected.resize(2 * kChunk);
    EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
    Write(*vfs, file.handle, kChunk + 200, "mark");
    expected.replace(kChunk + 200, 4, "mark");
    ASSERT_TRUE(vfs->Flush(file.handle).ok());
    EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
    auto other = cluster_.Mount();
    EXPECT_TRUE(SameBytes(Read(*other, Open(*other, "a").handle), expected));
    Resize(*vfs, file, 0);
    EXPECT_EQ(Read(*vfs, file.handle), "");
    EXPECT_EQ(Size(*vfs, file), 0u);
  }
}

TEST_F(VfsTest, AnInlineFileCanBeCutAndExtended) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, "0123456789");
  Resize(*vfs, file, 4);
  Resize(*vfs, file, 3 * kChunk);
  std::string expected = "0123";
  expected.resize(3 * kChunk);
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
  Write(*vfs, file.handle, 2 * kChunk, "x");
  expected[2 * kChunk] = 'x';
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
  ASSERT_TRUE(vfs->Fsync(file.handle).ok());
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
}

TEST_F(VfsTest, CreateWithTruncateCutsAnExistingFile) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, Text(5, 2 * kChunk));
  auto again = vfs->Create({}, kRootInode, "a", 0644, false, {true, true, true});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->attr.size_bytes(), 0u);
  EXPECT_EQ(Read(*vfs, file.handle), "");
  EXPECT_EQ(ErrnoOf(vfs->Create({}, kRootInode, "a", 0644, true, kReadWrite).status()), EEXIST);
}

TEST_F(VfsTest, AppendsGoToTheEnd) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string line = "line " + std::to_string(i) + std::string(i, '.') + "\n";
    ASSERT_TRUE(vfs->Write(file.handle, 0, AsBytes(line), true).ok());
    expected += line;
  }
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
}

TEST_F(VfsTest, PunchedHolesReadAsZeros) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  std::string text = Text(6, 4 * kChunk);
  Write(*vfs, file.handle, 0, text);
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  ASSERT_TRUE(vfs->Fallocate(file.handle, kPunch, kChunk - 100, 2 * kChunk).ok());
  text.replace(kChunk - 100, 2 * kChunk, 2 * kChunk, '\0');
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  ASSERT_TRUE(vfs->Fallocate(file.handle, 0, 0, 5 * kChunk).ok());
  text.resize(5 * kChunk);
  EXPECT_EQ(Size(*vfs, file), text.size());
  ASSERT_TRUE(vfs->Fallocate(file.handle, 0, 0, 10).ok());  // never shorter
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  EXPECT_EQ(ErrnoOf(vfs->Fallocate(file.handle, FALLOC_FL_COLLAPSE_RANGE, 0, 10)), EOPNOTSUPP);
}

TEST_F(VfsTest, AnInlineFileCanBePunched) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, "0123456789");
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  ASSERT_TRUE(vfs->Fallocate(file.handle, kPunch, 2, 3).ok());
  ASSERT_TRUE(vfs->Fallocate(file.handle, kPunch, 8, 100).ok());
  EXPECT_EQ(Read(*vfs, file.handle), std::string("01\0\0\0"
                                                 "567\0\0",
                                                 10));
}

TEST_F(VfsTest, FilesBeyondTheLimitAreRefused) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  EXPECT_EQ(ErrnoOf(vfs->Write(file.handle, MaxFileBytes(16), AsBytes("x"), false)), EFBIG);
  Write(*vfs, file.handle, MaxFileBytes(16) - 1, "x");
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  EXPECT_EQ(Size(*vfs, file), MaxFileBytes(16));
  const auto last = vfs->Read(file.handle, MaxFileBytes(16) - 3, 100);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(ToString(*last), std::string("\0\0x", 3));
}

TEST_F(VfsTest, SizesAreCommittedBehindTheWriter) {
  auto one = cluster_.Mount();
  const Opened chunks = Create(*one, "chunks");
  const Opened small = Create(*one, "small");
  Write(*one, chunks.handle, 0, Text(7, kChunk + 5));
  Write(*one, small.handle, 0, "small");
  WaitFor([&] {
    return cluster_.metadata().AttrOf("chunks").size_bytes() == kChunk + 5 &&
           cluster_.metadata().AttrOf("small").size_bytes() == 5;
  });
}

TEST_F(VfsTest, TimesThatWereSetSurviveTheCommitOfEarlierWrites) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  for (const uint64_t bytes : {uint64_t{10}, 2 * kChunk}) {
    Write(*vfs, file.handle, 0, Text(9, bytes));
    AttrChanges changes;
    changes.mtime_ns = 1'000'000'007;
    ASSERT_TRUE(vfs->SetAttr({}, InodeId(file.attr.inode_id()), changes).ok());
    ASSERT_TRUE(vfs->Flush(file.handle).ok());
    EXPECT_EQ(cluster_.metadata().AttrOf("a").mtime_ns(), 1'000'000'007);
    Write(*vfs, file.handle, 0, "x");
    const auto attr = vfs->GetAttr(InodeId(file.attr.inode_id()));
    ASSERT_TRUE(attr.ok());
    EXPECT_GT(attr->mtime_ns(), 1'000'000'007);
    ASSERT_TRUE(vfs->Flush(file.handle).ok());
    EXPECT_EQ(cluster_.metadata().AttrOf("a").mtime_ns(), attr->mtime_ns());
  }
}

TEST_F(VfsTest, ReadingSetsTheAccessTimeAndTheCloseTellsIt) {
  auto vfs = cluster_.Mount();
  Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, "x");
  ASSERT_TRUE(vfs->Release(file.handle).ok());
  const auto atime = [&] { return vfs->GetAttr(InodeId(file.attr.inode_id()))->atime_ns(); };
  const auto told = [&] { return cluster_.metadata().AttrOf("a").atime_ns(); };

  file = Open(*vfs, "a", {.read = true, .write = false, .no_atime = true});
  Read(*vfs, file.handle);
  EXPECT_EQ(atime(), 0) << "O_NOATIME";
  ASSERT_TRUE(vfs->Release(file.handle).ok());

  file = Open(*vfs, "a", {.read = true, .write = false});
  Read(*vfs, file.handle);
  const int64_t read = atime();
  EXPECT_GT(read, cluster_.metadata().AttrOf("a").mtime_ns());
  EXPECT_EQ(told(), 0);
  Read(*vfs, file.handle);
  EXPECT_EQ(atime(), read) << "newer than what changed: it stays";
  ASSERT_TRUE(vfs->Release(file.handle).ok());
  EXPECT_EQ(told(), read);

  file = Open(*vfs, "a");
  Write(*vfs, file.handle, 0, "y");
  Read(*vfs, file.handle);
  EXPECT_GT(atime(), read);
  AttrChanges changes;
  changes.atime_ns = 5;
  ASSERT_TRUE(vfs->SetAttr({}, InodeId(file.attr.inode_id()), changes).ok());
  ASSERT_TRUE(vfs->Release(file.handle).ok());
  EXPECT_EQ(told(), read) << "what was set is the server's to keep, not the read before it";
}

TEST_F(VfsTest, TheAclOfWhatWasJustLookedUpIsNotAskedFor) {
  auto vfs = cluster_.Mount();
  ASSERT_TRUE(vfs->Release(Create(*vfs, "a").handle).ok());
  const auto attr = vfs->Lookup({}, kRootInode, "a");
  ASSERT_TRUE(attr.ok()) << attr.status();
  const InodeId inode(attr->inode_id());
  // The fake metadata-server knows no extended attributes and refuses what it is asked.
  EXPECT_EQ(ErrnoOf(vfs->GetXattr({}, inode, "system.posix_acl_access").status()), ENODATA);
  EXPECT_EQ(ErrnoOf(vfs->GetXattr({}, inode, "user.any").status()), EOPNOTSUPP);
}

TEST_F(VfsTest, AnUnlinkedFileLivesUntilItIsClosed) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  const std::string text = Text(10, 2 * kChunk);
  Write(*vfs, file.handle, 0, text);
  ASSERT_TRUE(vfs->Unlink({}, kRootInode, "a").ok());
  EXPECT_EQ(ErrnoOf(vfs->Lookup({}, kRootInode, "a").status()), ENOENT);
  ASSERT_TRUE(vfs->Fsync(file.handle).ok());
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  ASSERT_TRUE(vfs->Release(file.handle).ok());
  EXPECT_EQ(ErrnoOf(vfs->Read(file.handle, 0, 1).status()), EBADF);
}

TEST_F(VfsTest, SequentialReadsAreReadAheadAndRandomOnesAreNot) {
  auto vfs = cluster_.Mount();
  const std::string text = Text(11, 40 * kChunk);
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, text);
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  const uint64_t before = cluster_.StorageCalls(proto::READ_CHUNK);
  std::string all;
  while (all.size() < text.size()) {
    const auto bytes = vfs->Read(file.handle, all.size(), 4096);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    all += ToString(*bytes);
  }
  EXPECT_TRUE(SameBytes(all, text));
  const uint64_t calls = cluster_.StorageCalls(proto::READ_CHUNK) - before;
  EXPECT_LT(calls, 640u / 4);  // 640 reads; some blocks may age under a slow test

  const Opened other = Open(*vfs, "a", {true, false, false});
  for (int i = 0; i < 50; ++i) {
    const uint64_t at = (uint64_t{7919} * i * 4096 + 123) % (text.size() - 100);
    const auto bytes = vfs->Read(other.handle, at, 100);
    ASSERT_TRUE(bytes.ok());
    EXPECT_TRUE(SameBytes(ToString(*bytes), text.substr(at, 100)));
  }
}

TEST_F(VfsTest, ReadsAtEveryBoundary) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  const std::string text = Text(12, 3 * kChunk + 1000);
  Write(*vfs, file.handle, 0, text);
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  for (const uint64_t edge : {uint64_t{0}, uint64_t{4096}, kChunk, 2 * kChunk, text.size()}) {
    for (const int64_t shift : {-4097, -1, 0, 1, 4095}) {
      if (static_cast<int64_t>(edge) + shift < 0) continue;
      const uint64_t at = edge + static_cast<uint64_t>(shift);
      for (const size_t length : {size_t{1}, size_t{2}, size_t{4096}, size_t{kChunk + 1}}) {
        const auto bytes = vfs->Read(file.handle, at, length);
        ASSERT_TRUE(bytes.ok()) << bytes.status();
        EXPECT_TRUE(SameBytes(ToString(*bytes), at < text.size() ? text.substr(at, length) : ""));
      }
    }
  }
}

TEST_F(VfsTest, ReadAheadSeesWhatIsWrittenMeanwhile) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  std::string text = Text(13, 20 * kChunk);
  Write(*vfs, file.handle, 0, text);
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  for (uint64_t at = 0; at < text.size(); at += 8192) {
    const auto bytes = vfs->Read(file.handle, at, 8192);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    ASSERT_TRUE(SameBytes(ToString(*bytes), text.substr(at, 8192))) << at;
    const uint64_t ahead = at + 3 * kChunk + 17;
    if (at % (4 * 8192) != 0 || ahead + 4 > text.size()) continue;
    Write(*vfs, file.handle, ahead, "here");
    text.replace(ahead, 4, "here");
    if (at % (8 * 8192) == 0) ASSERT_TRUE(vfs->Flush(file.handle).ok());
  }
}

TEST_F(VfsTest, LocateNamesTheNodeOfEachChunk) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, Text(14, kChunk));
  Write(*vfs, file.handle, 5 * kChunk, "end");
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  const auto places = vfs->Locate(InodeId(file.attr.inode_id()), 0, 100);
  ASSERT_TRUE(places.ok()) << places.status();
  ASSERT_EQ(places->size(), 6u);
  std::set<std::string> nodes;
  for (const ChunkPlace& place : *places) nodes.insert(place.node_name);
  EXPECT_EQ(nodes.size(), 3u);
  EXPECT_TRUE((*places)[0].exists);
  EXPECT_EQ((*places)[0].length_bytes, kChunk);
  EXPECT_FALSE((*places)[1].exists);
  EXPECT_EQ((*places)[5].length_bytes, 3u);
}

TEST_F(VfsTest, ADirectoryShowsTheSizesOfWhatIsBuffered) {
  auto vfs = cluster_.Mount();
  Write(*vfs, Create(*vfs, "a").handle, 0, "hello");
  Write(*vfs, Create(*vfs, "b").handle, 0, Text(15, kChunk));
  const auto page = vfs->ReadDir({}, kRootInode, "", 10, true);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(page->entries[0].attr().size_bytes(), 5u);
  EXPECT_EQ(page->entries[1].attr().size_bytes(), kChunk);
  EXPECT_TRUE(page->at_end);
}

TEST_F(VfsTest, TheEndOfTheMountWritesEverythingOut) {
  const std::string text = Text(16, 2 * kChunk + 9);
  {
    auto vfs = cluster_.Mount();
    Write(*vfs, Create(*vfs, "large").handle, 0, text);
    Write(*vfs, Create(*vfs, "small").handle, 0, "small");
  }
  EXPECT_EQ(cluster_.metadata().session_count(), 0u);
  auto vfs = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*vfs, Open(*vfs, "large").handle), text));
  EXPECT_EQ(Read(*vfs, Open(*vfs, "small").handle), "small");
}

TEST(MountTest, AServerOfAnotherKindIsNamed) {
  TestCluster cluster;
  VfsOptions options = cluster.Options();
  options.server = cluster.storage(0).address();
  const auto vfs = Vfs::Mount(options);
  ASSERT_FALSE(vfs.ok());
  EXPECT_EQ(MessageOf(vfs.status()).find(options.server + " is no metadata-server"), 0u)
      << vfs.status();
}

TEST(MountTest, AServerThatIsAwayIsNamed) {
  VfsOptions options;
  options.server = "127.0.0.1:1";
  options.connect_timeout = std::chrono::milliseconds(100);
  const auto vfs = Vfs::Mount(options);
  ASSERT_FALSE(vfs.ok());
  EXPECT_NE(MessageOf(vfs.status()).find("127.0.0.1:1"), std::string::npos) << vfs.status();
}

}  // namespace
}  // namespace weft::client
