// Directories that are targets, and those that must not be touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/crc32c.h"
#include "common/status.h"
#include "common/uuid.h"
#include "storage-server/chunks/superblock.h"
#include "storage-server/chunks/testing/chunk_helpers.h"

namespace weft::storage {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class TargetTest : public testing::Test {
 protected:
  absl::StatusOr<OpenedStore> Open(const std::string& node = "node") {
    return OpenTarget({.directory = directory_,
                       .node_uuid = node,
                       .capacity_bytes = 4u << 20,
                       .segment_bytes = 1u << 20});
  }
  void Make() { ASSERT_TRUE(Open().ok()); }

  std::string Read(const std::string& name) {
    std::ifstream file(directory_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Put(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }

  // What lies in the directory, to see that nothing changed.
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
      names.push_back(entry.path());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void ExpectRefused(const absl::Status& status, int error, const std::string& text) {
    EXPECT_EQ(ErrnoOf(status), error) << status;
    EXPECT_THAT(MessageOf(status), HasSubstr(text));
    EXPECT_THAT(MessageOf(status), HasSubstr(directory_)) << "says which directory";
  }

  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path() + "/some/where/target";
};

TEST_F(TargetTest, AMissingDirectoryIsMadeIntoATargetThatStaysItself) {
  EXPECT_EQ(ReadSuperblock(directory_).value(), std::nullopt);
  EXPECT_FALSE(fs::exists(directory_)) << "looking changes nothing";
  std::string uuid;
  {
    const absl::StatusOr<OpenedStore> opened = Open();
    ASSERT_TRUE(opened.ok()) << opened.status();
    uuid = opened->superblock.target_uuid;
    EXPECT_TRUE(IsUuid(uuid));
    EXPECT_EQ(opened->superblock.node_uuid, "node");
    EXPECT_EQ(opened->superblock.cluster_id, "");
    EXPECT_EQ(opened->superblock.format_version, kFormatVersion);
  }
  EXPECT_EQ(Open()->superblock.target_uuid, uuid);
  EXPECT_EQ(ReadSuperblock(directory_).value()->target_uuid, uuid);
}

TEST_F(TargetTest, AFreshFileSystemCountsAsEmpty) {
  fs::create_directories(directory_ + "/lost+found");
  EXPECT_TRUE(Open().ok());
}

TEST_F(TargetTest, AnInterruptedMakingIsFinished) {
  Make();
  fs::remove(directory_ + "/superblock");
  fs::remove_all(directory_ + "/index");
  Put("superblock.new", "half");
  EXPECT_TRUE(Open().ok());
}

TEST_F(TargetTest, AForeignDirectoryIsLeftAlone) {
  fs::create_directories(directory_);
  Put("thesis.tex", "text");
  const auto before = Names();
  ExpectRefused(Open().status(), ENOTEMPTY, "thesis.tex");
  EXPECT_EQ(ErrnoOf(ReadSuperblock(directory_).status()), ENOTEMPTY);
  EXPECT_EQ(Names(), before);
}

TEST_F(TargetTest, SegmentsWithoutASuperblockAreNotOverwritten) {
  {
    const absl::StatusOr<OpenedStore> opened = Open();
    ASSERT_TRUE(WriteBytes(opened->store.get(), {ContentId(1), 0}, 0, RandomBytes(10, 1)).ok());
  }
  fs::remove(directory_ + "/superblock");
  const auto before = Names();
  ExpectRefused(Open().status(), ENOTEMPTY, "segments");
  EXPECT_EQ(Names(), before);
}

TEST_F(TargetTest, OfAnotherNode) {
  Make();
  ExpectRefused(Open("another").status(), EPERM, "node");
}

TEST_F(TargetTest, InUse) {
  const absl::StatusOr<OpenedStore> opened = Open();
  ASSERT_TRUE(opened.ok());
  ExpectRefused(Open().status(), EBUSY, "in use");
  EXPECT_TRUE(opened->store->fault().empty());
}

TEST_F(TargetTest, DamagedSuperblock) {
  Make();
  std::string text = Read("superblock");
  text[20] ^= 1;
  Put("superblock", text);
  const auto before = Names();
  ExpectRefused(Open().status(), EIO, "checksum");
  EXPECT_EQ(ErrnoOf(ReadSuperblock(directory_).status()), EIO);
  Put("superblock", text.substr(0, 30));
  ExpectRefused(Open().status(), EIO, "damaged");
  Put("superblock", "");
  ExpectRefused(Open().status(), EIO, "damaged");
  EXPECT_EQ(Names(), before);
}

TEST_F(TargetTest, ANewerFormat) {
  Make();
  ASSERT_TRUE(WriteSuperblock(directory_, {.target_uuid = NewUuid(),
                                           .node_uuid = "node",
                                           .format_version = kFormatVersion + 1})
                  .ok());
  ExpectRefused(Open().status(), EPROTONOSUPPORT, "newer");
}

TEST_F(TargetTest, ALostIndexIsNotReplacedByAnEmptyOne) {
  Make();
  fs::remove_all(directory_ + "/index");
  ExpectRefused(Open().status(), EIO, "missing");
  fs::create_directory(directory_ + "/index");
  ExpectRefused(Open().status(), EIO, "index");
}

TEST_F(TargetTest, ALostSegmentIsNoticed) {
  {
    const absl::StatusOr<OpenedStore> opened = Open();
    ASSERT_TRUE(WriteBytes(opened->store.get(), {ContentId(1), 0}, 0, RandomBytes(10, 1)).ok());
  }
  fs::remove(directory_ + "/segments/00000000");
  ExpectRefused(Open().status(), EIO, "segment 0");
}

TEST_F(TargetTest, AClusterIsAdoptedOnce) {
  EXPECT_EQ(ErrnoOf(AdoptCluster(directory_, "one")), ENOENT);
  std::string uuid;
  {
    const absl::StatusOr<OpenedStore> opened = Open();
    uuid = opened->superblock.target_uuid;
    EXPECT_TRUE(AdoptCluster(directory_, "one").ok()) << "while it is open";
  }
  EXPECT_TRUE(AdoptCluster(directory_, "one").ok());
  ExpectRefused(AdoptCluster(directory_, "two"), EEXIST, "one");
  const absl::StatusOr<OpenedStore> opened = Open();
  EXPECT_EQ(opened->superblock.cluster_id, "one");
  EXPECT_EQ(opened->superblock.target_uuid, uuid);
}

}  // namespace
}  // namespace weft::storage
