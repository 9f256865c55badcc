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

TEST_F(VfsMountsTest, AMoveThatCannotBeRepeatedIsAnError) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  Write(*one, a.handle, 0, "0123456789");
  ASSERT_TRUE(one->Flush(a.handle).ok());
  const Opened b = Open(*two, "a");
  ASSERT_TRUE(two->Release(b.handle).ok());
  Write(*one, a.handle, kChunk, "moves");
  const Opened c = Open(*two, "a");
  Write(*two, c.handle, 0, "abc");
  ASSERT_TRUE(two->Flush(c.handle).ok());
  // Much more than what is retained: most of it went to a content that is gone by the commit. How
  // much that is depends on whether the size was committed behind the writer before.
  Write(*one, a.handle, 2 * kChunk, Text(17, 100 * kChunk));
  const absl::Status status = one->Flush(a.handle);
  std::string expected = "abc3456789";
  expected.resize(kChunk);
  expected += "moves";
  expected.resize(2 * kChunk);
  expected += Text(17, 100 * kChunk);
  if (status.ok()) {
    EXPECT_TRUE(SameBytes(Read(*one, a.handle), expected));
  } else {
    EXPECT_EQ(ErrnoOf(status), EIO);
    EXPECT_EQ(Read(*one, a.handle).substr(0, 10), "abc3456789");
  }
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
