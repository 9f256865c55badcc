#include "client/fuse/dir_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "client/fuse/testing/memory_vfs.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

using ::testing::ElementsAre;

struct Given {
  std::string name;
  int64_t position;
};

class DirStreamTest : public ::testing::Test {
 protected:
  void MakeFiles(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(vfs_.MakeNode({}, kRootInode, NameOf(i), proto::REGULAR, 0644, 0, {}).ok());
    }
  }
  static std::string NameOf(int number) { return "f" + std::to_string(100'000 + number); }

  // One request of the kernel that has room for `room` entries.
  std::vector<Given> Read(DirStream& stream, int64_t position, size_t room) {
    std::vector<Given> given;
    const absl::Status status =
        stream.Read(position, static_cast<uint32_t>(room), /*want_attrs=*/false,
                    [&](const DirStream::Entry& entry) {
                      if (given.size() == room) return false;
                      given.push_back({std::string(entry.name), entry.position});
                      return true;
                    });
    EXPECT_TRUE(status.ok()) << status;
    return given;
  }
  // Everything from a position on.
  std::vector<Given> ReadAll(DirStream& stream, int64_t position, size_t room) {
    std::vector<Given> all;
    for (;;) {
      const std::vector<Given> part = Read(stream, position, room);
      if (part.empty()) return all;
      all.insert(all.end(), part.begin(), part.end());
      position = part.back().position;
    }
  }

  MemoryVfs vfs_;
};

TEST_F(DirStreamTest, EmptyDirectoryHasDots) {
  DirStream stream(vfs_, {}, kRootInode);
  const std::vector<Given> all = ReadAll(stream, DirPositions::kStart, 10);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, ".");
  EXPECT_EQ(all[1].name, "..");
}

TEST_F(DirStreamTest, EveryEntryComesOnceWhateverFits) {
  MakeFiles(100);
  for (const size_t room : {1, 2, 3, 7, 1000}) {
    DirStream stream(vfs_, {}, kRootInode);
    const std::vector<Given> all = ReadAll(stream, DirPositions::kStart, room);
    ASSERT_EQ(all.size(), 102u) << room;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(all[i + 2].name, NameOf(i));
  }
}

TEST_F(DirStreamTest, DotsTellTheirInodes) {
  const auto directory = vfs_.MakeNode({}, kRootInode, "d", proto::DIRECTORY, 0755, 0, {});
  DirStream stream(vfs_, {}, InodeId(directory->inode_id()));
  std::vector<InodeId> inodes;
  ASSERT_TRUE(stream
                  .Read(DirPositions::kStart, 10, false,
                        [&](const DirStream::Entry& entry) {
                          inodes.push_back(entry.inode);
                          return true;
                        })
                  .ok());
  EXPECT_THAT(inodes, ElementsAre(InodeId(directory->inode_id()), kRootInode));
}

TEST_F(DirStreamTest, AttributesComeWhereWanted) {
  MakeFiles(1);
  DirStream stream(vfs_, {}, kRootInode);
  bool has_attr = false;
  ASSERT_TRUE(stream
                  .Read(DirPositions::kAfterDotDot, 10, /*want_attrs=*/true,
                        [&](const DirStream::Entry& entry) {
                          has_attr = entry.attr != nullptr &&
                                     entry.attr->inode_id() == entry.inode.value();
                          return true;
                        })
                  .ok());
  EXPECT_TRUE(has_attr);
}

// As the kernel does when the caller's buffer ends within an answer.
TEST_F(DirStreamTest, GoesOnWithinTheLastAnswerAfterItsEntryWasRemoved) {
  MakeFiles(20);
  DirStream stream(vfs_, {}, kRootInode);
  const std::vector<Given> first = Read(stream, DirPositions::kAfterDotDot, 10);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(vfs_.Unlink({}, kRootInode, NameOf(i)).ok());
  const std::vector<Given> rest = ReadAll(stream, first[4].position, 10);
  ASSERT_EQ(rest.size(), 15u);
  EXPECT_EQ(rest[0].name, NameOf(5));
}

TEST_F(DirStreamTest, RemovingWhileListingLosesNothing) {
  constexpr int kFiles = 1000;
  MakeFiles(kFiles);
  DirStream stream(vfs_, {}, kRootInode);
  int64_t position = DirPositions::kAfterDotDot;
  int removed = 0;
  for (;;) {
    const std::vector<Given> part = Read(stream, position, 7);
    if (part.empty()) break;
    for (const Given& given : part) {
      ASSERT_TRUE(vfs_.Unlink({}, kRootInode, given.name).ok());
      ++removed;
    }
    position = part.back().position;
  }
  EXPECT_EQ(removed, kFiles);
}

TEST_F(DirStreamTest, SeeksBackToAnyPosition) {
  MakeFiles(300);
  DirStream stream(vfs_, {}, kRootInode);
  const std::vector<Given> all = ReadAll(stream, DirPositions::kStart, 9);
  for (size_t i = 0; i + 1 < all.size(); i += 13) {
    const std::vector<Given> again = Read(stream, all[i].position, 5);
    ASSERT_FALSE(again.empty());
    EXPECT_EQ(again[0].name, all[i + 1].name);
  }
}

TEST_F(DirStreamTest, SeeksBackPastRemovedEntriesWithoutLosingOne) {
  MakeFiles(300);
  DirStream stream(vfs_, {}, kRootInode);
  const std::vector<Given> all = ReadAll(stream, DirPositions::kStart, 9);
  const Given& mark = all[100];
  ASSERT_TRUE(vfs_.Unlink({}, kRootInode, mark.name).ok());
  std::set<std::string> seen;
  for (const Given& given : ReadAll(stream, mark.position, 9)) seen.insert(given.name);
  for (size_t i = 101; i < all.size(); ++i) EXPECT_TRUE(seen.contains(all[i].name)) << all[i].name;
}

TEST_F(DirStreamTest, ARewindSeesNewEntries) {
  MakeFiles(3);
  DirStream stream(vfs_, {}, kRootInode);
  EXPECT_EQ(ReadAll(stream, DirPositions::kStart, 10).size(), 5u);
  ASSERT_TRUE(vfs_.MakeNode({}, kRootInode, "a", proto::REGULAR, 0644, 0, {}).ok());
  const std::vector<Given> again = ReadAll(stream, DirPositions::kStart, 10);
  ASSERT_EQ(again.size(), 6u);
  EXPECT_EQ(again[2].name, "a");
}

TEST_F(DirStreamTest, AnUnknownPositionIsRefused) {
  DirStream stream(vfs_, {}, kRootInode);
  const absl::Status status = stream.Read(4711, 10, false, [](const auto&) { return true; });
  EXPECT_EQ(ErrnoOf(status), EINVAL);
}

TEST_F(DirStreamTest, ReadsNoMoreThanTheAnswerNeeds) {
  MakeFiles(1000);
  DirStream stream(vfs_, {}, kRootInode);
  ReadAll(stream, DirPositions::kStart, 100);
  EXPECT_LE(vfs_.directory_reads(), 13u);  // 11 answers with entries, the empty one, and a bit
}

}  // namespace
}  // namespace weft::fuse
