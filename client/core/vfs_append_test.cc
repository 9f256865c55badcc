// Appends: one mount's, and those of two.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "client/core/testing/vfs_fixture.h"

namespace weft::client {
namespace {

class AppendTest : public VfsFixture {
 protected:
  static void Append(Vfs& vfs, const Opened& file, std::string_view text) {
    const absl::Status status = vfs.Write(file.handle, 0, AsBytes(text), true);
    ASSERT_TRUE(status.ok()) << status;
  }
};

TEST_F(AppendTest, TwoMountsInTurnsLoseNothing) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a");
  std::string expected;
  for (int i = 0; i < 100; ++i) {  // from inline to chunks, over several chunks
    const std::string record = std::to_string(i) + Text(i, i * 40 + 3);
    Append(i % 2 == 0 ? *one : *two, i % 2 == 0 ? a : b, record);
    expected += record;
  }
  ASSERT_TRUE(one->Flush(a.handle).ok());
  ASSERT_TRUE(two->Flush(b.handle).ok());
  auto three = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*three, Open(*three, "a").handle), expected));
}

TEST_F(AppendTest, TwoMountsAtOnceLoseNothing) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a");
  constexpr int kRecords = 400;
  constexpr size_t kRecordBytes = 301;
  const auto run = [&](Vfs& vfs, const Opened& file, char name) {
    for (int i = 0; i < kRecords; ++i) {
      std::string record = name + std::to_string(i);
      record.resize(kRecordBytes, '.');
      Append(vfs, file, record);
    }
    EXPECT_TRUE(vfs.Flush(file.handle).ok());
  };
  std::thread other([&] { run(*two, b, 'b'); });
  run(*one, a, 'a');
  other.join();
  auto three = cluster_.Mount();
  const std::string all = Read(*three, Open(*three, "a").handle);
  ASSERT_EQ(all.size(), 2 * kRecords * kRecordBytes);
  int next_of_a = 0;
  int next_of_b = 0;
  for (size_t at = 0; at < all.size(); at += kRecordBytes) {
    int& next = all[at] == 'a' ? next_of_a : next_of_b;
    std::string record = all[at] + std::to_string(next++);
    record.resize(kRecordBytes, '.');
    ASSERT_EQ(all.substr(at, kRecordBytes), record);
  }
  EXPECT_EQ(next_of_a, kRecords);
  EXPECT_EQ(next_of_b, kRecords);
}

TEST_F(AppendTest, AnAppendFollowsOtherWritesOfTheMount) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, "inline");
  Append(*vfs, file, "+");
  std::string expected = "inline+";
  EXPECT_EQ(Read(*vfs, file.handle), expected);
  const std::string text = Text(1, 2 * kChunk);
  Write(*vfs, file.handle, expected.size(), text);  // it moves, and has not told the server
  Append(*vfs, file, "+");
  expected += text + "+";
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
  Write(*vfs, file.handle, expected.size() + 10, "far");
  Append(*vfs, file, "+");
  expected += std::string(10, '\0') + "far+";
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
  Resize(*vfs, file, 100);
  expected.resize(100);
  Append(*vfs, file, "new");
  Write(*vfs, file.handle, 103, "old");
  Append(*vfs, file, "end");
  expected += "newoldend";
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), expected));
}

TEST_F(AppendTest, AnAppendThatWasRolledBackLeavesNoHole) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "log");
  const std::string text = Text(1, 2 * kChunk);
  Write(*vfs, file.handle, 0, text);
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  cluster_.SetFault(FakeStorage::Fault::kNoSpace);
  Append(*vfs, file, Text(2, kChunk));
  EXPECT_EQ(ErrnoOf(vfs->Flush(file.handle)), ENOSPC);
  cluster_.SetFault(FakeStorage::Fault::kNone);
  Resize(*vfs, file, text.size());
  Append(*vfs, file, "next");
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text + "next"));
}

TEST_F(AppendTest, AnAppendIsOneCallToTheServer) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, Text(1, 2 * kChunk));
  ASSERT_TRUE(vfs->Flush(file.handle).ok());
  const uint64_t commits = cluster_.metadata().calls(proto::COMMIT_WRITE);
  for (int i = 0; i < 20; ++i) Append(*vfs, file, "line\n");
  EXPECT_EQ(cluster_.metadata().calls(proto::APPEND), 20u);
  EXPECT_LE(cluster_.metadata().calls(proto::COMMIT_WRITE), commits + 1) << "behind the writer";
}

TEST_F(AppendTest, TheKernelsPagesGoWhereAnotherMountHasAppended) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a");
  std::atomic<int> invalidated = 0;
  one->OnInvalidate([&](InodeId) { ++invalidated; });
  Append(*two, b, "two");
  Append(*one, a, "one");  // the kernel thought that it goes to 0
  WaitFor([&] { return invalidated > 0; });
  EXPECT_EQ(Read(*one, a.handle), "twoone");
}

}  // namespace
}  // namespace weft::client
