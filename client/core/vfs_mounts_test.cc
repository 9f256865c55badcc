// Two mounts that use the same files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include "client/core/testing/vfs_fixture.h"

namespace weft::client {
namespace {

using VfsMountsTest = VfsFixture;

TEST_F(VfsMountsTest, TheMoveTakesInlineBytesThatAnotherMountWroteMeanwhile) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, "0123456789");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a");
  Write(*one, a.handle, 5, "FIVE");
  Write(*one, a.handle, kChunk, "far");  // it moves, but has not told the server
  Write(*two, b.handle, 0, "abc");
  ASSERT_TRUE(two->Flush(b.handle).ok());
  ASSERT_TRUE(one->Flush(a.handle).ok());
  EXPECT_FALSE(cluster_.metadata().AttrOf("a").content().is_inline());
  std::string expected = "abc34FIVE9";
  expected.resize(kChunk);
  expected += "far";
  EXPECT_TRUE(SameBytes(Read(*one, a.handle), expected));
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
}

TEST_F(VfsMountsTest, ASoleWriterMovesWithoutAnotherCall) {
  auto one = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, Text(1, 2 * kChunk));
  ASSERT_TRUE(one->Release(a.handle).ok());
  auto two = cluster_.Mount();
  const Opened b = Create(*two, "b");
  Write(*two, b.handle, 0, "inline");
  ASSERT_TRUE(two->Release(b.handle).ok());
  const Opened c = Open(*one, "b");
  Write(*one, c.handle, kChunk, "far");
  ASSERT_TRUE(one->Release(c.handle).ok());
  EXPECT_EQ(cluster_.metadata().calls(proto::BEGIN_MOVE), 0u);
}

TEST_F(VfsMountsTest, AMoverDoesNotWriteOldBytesOverThoseOfAnother) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, "0123456789");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a");
  Write(*one, a.handle, 0, "abc");
  Write(*one, a.handle, kChunk, "one");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  ASSERT_FALSE(cluster_.metadata().AttrOf("a").content().is_inline());
  Write(*two, b.handle, 5, "XX");  // for this mount the file is inline still
  Write(*two, b.handle, 2 * kChunk, "two");
  ASSERT_TRUE(two->Flush(b.handle).ok());
  std::string expected = "abc34XX789";
  expected.resize(kChunk);
  expected += "one";
  expected.resize(2 * kChunk);
  expected += "two";
  EXPECT_TRUE(SameBytes(Read(*two, b.handle), expected));
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
}

TEST_F(VfsMountsTest, OfTwoMoversOneWinsAndTheOtherFollows) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, "0123456789");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a");
  Write(*one, a.handle, 0, "abc");
  Write(*one, a.handle, kChunk, "one");
  Write(*two, b.handle, 5, "XX");
  Write(*two, b.handle, 2 * kChunk, "two");
  // Both store chunks before either commits.
  cluster_.metadata().SetCommitsFail(true);
  EXPECT_FALSE(one->Flush(a.handle).ok());
  EXPECT_FALSE(two->Flush(b.handle).ok());
  cluster_.metadata().SetCommitsFail(false);
  ASSERT_TRUE(one->Flush(a.handle).ok());
  ASSERT_TRUE(two->Flush(b.handle).ok());
  std::string expected = "abc34XX789";
  expected.resize(kChunk);
  expected += "one";
  expected.resize(2 * kChunk);
  expected += "two";
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
  EXPECT_EQ(cluster_.ChunkCount(), 3u) << "chunks of lost moves are gone";
}

TEST_F(VfsMountsTest, ManySmallChangesLeaveThoseOfOthersBetweenThem) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  std::string expected(1000, '.');
  Write(*one, a.handle, 0, expected);
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a");
  for (size_t at = 0; at < 1000; at += 50) {
    Write(*two, b.handle, at, "two");
    Write(*one, a.handle, at + 10, "one");
    expected.replace(at, 3, "two");
    expected.replace(at + 10, 3, "one");
  }
  ASSERT_TRUE(one->Flush(a.handle).ok());
  ASSERT_TRUE(two->Flush(b.handle).ok());
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
}

TEST_F(VfsMountsTest, AMoveIsRepeatedHoweverMuchWasWrittenMeanwhile) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, "0123456789");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a");
  Write(*one, a.handle, kChunk, "moves");
  Write(*two, b.handle, 0, "abc");
  ASSERT_TRUE(two->Flush(b.handle).ok());
  const std::string text = Text(17, 100 * kChunk);  // much more than what is retained
  for (size_t at = 0; at < text.size(); at += kChunk) {
    Write(*one, a.handle, 2 * kChunk + at, std::string_view(text).substr(at, kChunk));
  }
  ASSERT_TRUE(one->Flush(a.handle).ok());
  std::string expected = "abc3456789";
  expected.resize(kChunk);
  expected += "moves";
  expected.resize(2 * kChunk);
  expected += text;
  EXPECT_TRUE(SameBytes(Read(*one, a.handle), expected));
}

TEST_F(VfsMountsTest, WhatAnotherMountCutsAndCannotBeWrittenAgainIsReported) {
  for (const uint64_t cut_to : {uint64_t{0}, uint64_t{1}}) {
    const std::string name = "f" + std::to_string(cut_to);
    auto one = cluster_.Mount();
    auto two = cluster_.Mount();
    const Opened a = Create(*one, name);
    Write(*one, a.handle, 0, Text(3, 3 * kChunk));
    ASSERT_TRUE(one->Flush(a.handle).ok());
    const Opened again = Open(*one, name);
    // More than is retained is stored, and not committed.
    cluster_.metadata().SetCommitsFail(true);
    Write(*one, a.handle, 0, Text(4, 100 * kChunk));
    EXPECT_EQ(ErrnoOf(one->Flush(a.handle)), EIO);
    Resize(*two, Open(*two, name), cut_to);
    cluster_.metadata().SetCommitsFail(false);
    ASSERT_TRUE(one->GetAttr(InodeId(a.attr.inode_id())).ok());
    EXPECT_EQ(ErrnoOf(one->Flush(a.handle)), EIO);
    EXPECT_EQ(ErrnoOf(one->Fsync(again.handle)), EIO);
    EXPECT_TRUE(one->Flush(a.handle).ok());
    EXPECT_TRUE(one->Fsync(again.handle).ok());
  }
}

TEST_F(VfsMountsTest, WhatAnotherMountCutsIsWrittenAgainWhereItIsLittle) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, Text(3, 3 * kChunk));
  ASSERT_TRUE(one->Flush(a.handle).ok());
  cluster_.metadata().SetCommitsFail(true);
  Write(*one, a.handle, kChunk, Text(4, 3 * kChunk));
  EXPECT_EQ(ErrnoOf(one->Flush(a.handle)), EIO);
  Resize(*two, Open(*two, "a"), 10);
  cluster_.metadata().SetCommitsFail(false);
  ASSERT_TRUE(one->Flush(a.handle).ok());
  std::string expected = Text(3, 10);
  expected.resize(kChunk);
  expected += Text(4, 3 * kChunk);
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
}

TEST_F(VfsMountsTest, ItsOwnCutIsNoLoss) {
  auto one = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, Text(3, 3 * kChunk));
  ASSERT_TRUE(one->Flush(a.handle).ok());
  cluster_.metadata().SetCommitsFail(true);
  Write(*one, a.handle, 0, Text(4, 100 * kChunk));
  EXPECT_EQ(ErrnoOf(one->Flush(a.handle)), EIO);
  Resize(*one, a, 0);
  cluster_.metadata().SetCommitsFail(false);
  EXPECT_TRUE(one->Fsync(a.handle).ok());
  EXPECT_EQ(Read(*one, a.handle), "");
}

TEST_F(VfsMountsTest, BytesForAContentThatWasReplacedGoToTheNewOne) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, Text(3, 3 * kChunk));
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a", {true, true, true});
  EXPECT_EQ(b.attr.size_bytes(), 0u);
  Write(*one, a.handle, 10, "late");
  Write(*one, a.handle, kChunk, "later");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  std::string expected(10, '\0');
  expected += "late";
  expected.resize(kChunk);
  expected += "later";
  EXPECT_TRUE(SameBytes(Read(*one, a.handle), expected));
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
}

TEST_F(VfsMountsTest, ManyWritesToARemovedContentLeaveNoChunksOfIt) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, Text(3, kChunk));
  ASSERT_TRUE(one->Flush(a.handle).ok());
  Open(*two, "a", {true, true, true});
  // More than is retained: the servers refuse it for the old content, so it is not lost.
  const std::string text = Text(4, 100 * kChunk);
  Write(*one, a.handle, 0, text);
  ASSERT_TRUE(one->Flush(a.handle).ok());
  EXPECT_TRUE(SameBytes(Read(*one, a.handle), text));
  EXPECT_EQ(cluster_.ChunkCount(), 100u);
}

TEST_F(VfsMountsTest, PunchingAFileThatAnotherMountEmptied) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, Text(3, 3 * kChunk));
  ASSERT_TRUE(one->Flush(a.handle).ok());
  Open(*two, "a", {true, true, true});
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const absl::Status status = one->Fallocate(a.handle, kPunch, 0, kChunk);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Size(*one, a), 0u);
}

TEST_F(VfsMountsTest, WritesToAFileThatIsGoneEndWithAnError) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, Text(3, kChunk));
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const uint64_t content = a.attr.content().content_id();
  for (size_t i = 0; i < cluster_.storage_count(); ++i) cluster_.storage(i).Remove(content);
  Write(*one, a.handle, 0, Text(4, kChunk));
  EXPECT_NE(ErrnoOf(one->Flush(a.handle)), 0);
  EXPECT_EQ(cluster_.ChunkCount(), 0u);
}

TEST_F(VfsMountsTest, InlineBytesForAContentThatWentToChunksFollow) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, "0123456789");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a");
  Write(*one, a.handle, 2, "XX");
  Write(*two, b.handle, kChunk, "far");
  ASSERT_TRUE(two->Flush(b.handle).ok());
  ASSERT_TRUE(one->Flush(a.handle).ok());
  std::string expected = "01XX456789";
  expected.resize(kChunk);
  expected += "far";
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
}

TEST_F(VfsMountsTest, AReaderSeesAFileGrowOnAnotherMount) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a", {true, false, false});
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    const std::string more = Text(i, 3000);
    Write(*one, a.handle, expected.size(), more);
    expected += more;
    ASSERT_TRUE(one->Flush(a.handle).ok());
    WaitFor([&] { return Read(*two, b.handle) == expected; });
  }
}

TEST_F(VfsMountsTest, CachedPagesAreKeptWhileNobodyChangesTheFile) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened file = Create(*one, "a");
  Write(*one, file.handle, 0, Text(8, 2 * kChunk));
  ASSERT_TRUE(one->Release(file.handle).ok());

  Opened again = Open(*one, "a");
  EXPECT_TRUE(again.keep_cache);  // all changes were ours
  EXPECT_TRUE(Open(*one, "a").keep_cache);
  const Opened other = Open(*two, "a");
  EXPECT_FALSE(other.keep_cache);  // never seen there
  Write(*two, other.handle, 5, "changed");
  ASSERT_TRUE(two->Release(other.handle).ok());
  EXPECT_FALSE(Open(*one, "a").keep_cache);
  EXPECT_TRUE(Open(*one, "a").keep_cache);
  EXPECT_TRUE(Open(*two, "a").keep_cache);
}

TEST_F(VfsMountsTest, ChangesElsewhereInvalidateTheKernelsPages) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  Mutex mutex;
  CondVar called;
  InodeId invalid;
  one->OnInvalidate([&](InodeId inode) {
    MutexLock lock(&mutex);
    invalid = inode;
    called.SignalAll();
  });
  const Opened file = Create(*one, "a");
  Write(*one, file.handle, 0, "0123456789");
  ASSERT_TRUE(one->Flush(file.handle).ok());
  const Opened other = Open(*two, "a");
  Write(*two, other.handle, 0, "abc");
  ASSERT_TRUE(two->Flush(other.handle).ok());
  ASSERT_TRUE(one->GetAttr(InodeId(file.attr.inode_id())).ok());
  MutexLock lock(&mutex);
  while (invalid.is_none()) called.Wait(&mutex);
  EXPECT_EQ(invalid.value(), file.attr.inode_id());
  lock.Unlock();
  one.reset();
}

}  // namespace
}  // namespace weft::client
