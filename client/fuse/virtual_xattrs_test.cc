#include "client/fuse/virtual_xattrs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "client/fuse/testing/memory_vfs.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kMountJson[] = R"({"pid":1})";

class VirtualXattrsTest : public ::testing::Test {
 protected:
  Json Get(InodeId inode, std::string_view name) {
    const absl::StatusOr<std::string> text = GetVirtualXattr(vfs_, inode, name, kMountJson);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? Json::parse(*text) : Json();
  }
  int ErrnoOfGet(std::string_view name) {
    return ErrnoOf(GetVirtualXattr(vfs_, kRootInode, name, kMountJson).status());
  }
  absl::Status Set(std::string_view value) {
    return SetVirtualXattr(vfs_, {}, kRootInode, kLayoutXattr, value);
  }
  InodeId MakeFile(uint64_t size_bytes) {
    const auto opened = vfs_.Create({}, kRootInode, "file", 0644, true, {.write = true});
    client::AttrChanges changes;
    changes.size_bytes = size_bytes;
    const InodeId inode(opened->attr.inode_id());
    EXPECT_TRUE(vfs_.SetAttr({}, inode, changes).ok());
    return inode;
  }

  MemoryVfs vfs_;
};

TEST_F(VirtualXattrsTest, KnowsItsNames) {
  EXPECT_TRUE(IsVirtualXattr(kLayoutXattr));
  EXPECT_TRUE(IsVirtualXattr("weft.chunks.0.1"));
  EXPECT_FALSE(IsVirtualXattr("user.weft.layout"));
  EXPECT_FALSE(IsVirtualXattr("security.capability"));
}

TEST_F(VirtualXattrsTest, LayoutChangesKeyByKey) {
  const Json before = Get(kRootInode, kLayoutXattr);
  ASSERT_TRUE(Set(R"({"chunk_bytes": 4194304})").ok());
  const Json after = Get(kRootInode, kLayoutXattr);
  EXPECT_EQ(after["chunk_bytes"], 4194304);
  EXPECT_EQ(after["width"], before["width"]);
  EXPECT_EQ(after["inline_max_bytes"], before["inline_max_bytes"]);
}

TEST_F(VirtualXattrsTest, MalformedLayoutsAreRefusedByName) {
  const Json before = Get(kRootInode, kLayoutXattr);
  for (const auto& [value, problem] : std::vector<std::pair<const char*, const char*>>{
           {"", "JSON object"},
           {"[1]", "JSON object"},
           {"{\"width\": 3", "JSON object"},
           {R"({"widht": 3})", "widht"},
           {R"({"width": -3})", "width"},
           {R"({"width": "3"})", "width"},
           {R"({"width": 1e99})", "width"},
           {R"({"width": 4294967296})", "width"},
           {R"({"chunk_bytes": 0})", "power of two"},
           {R"({"chunk_bytes": 100000})", "power of two"}}) {
    const absl::Status status = Set(value);
    EXPECT_EQ(ErrnoOf(status), EINVAL) << value;
    EXPECT_THAT(MessageOf(status), HasSubstr(problem)) << value;
  }
  EXPECT_EQ(Get(kRootInode, kLayoutXattr), before);
}

TEST_F(VirtualXattrsTest, OnlyTheLayoutCanBeSet) {
  EXPECT_EQ(ErrnoOf(SetVirtualXattr(vfs_, {}, kRootInode, kInfoXattr, "{}")), EPERM);
}

TEST_F(VirtualXattrsTest, InfoOfADirectoryHasItsLayout) {
  const Json info = Get(kRootInode, kInfoXattr);
  EXPECT_EQ(info["type"], "directory");
  EXPECT_EQ(info["path"], "/");
  EXPECT_EQ(info["layout"]["chunk_bytes"], 1 << 20);
  EXPECT_FALSE(info.contains("content"));
}

TEST_F(VirtualXattrsTest, InfoOfAFileCountsItsChunks) {
  // The fake's content has chunks of 2^0 bytes: it leaves the content's fields unset.
  const Json info = Get(MakeFile(1000), kInfoXattr);
  EXPECT_EQ(info["type"], "file");
  EXPECT_EQ(info["size_bytes"], 1000);
  EXPECT_EQ(info["content"]["chunks"], 1000);
  EXPECT_FALSE(info["content"]["inline"]);
}

TEST_F(VirtualXattrsTest, ChunksTellTheirNodes) {
  const InodeId file = MakeFile(1);
  vfs_.SetChunks(10);
  const Json all = Get(file, "weft.chunks.2.3");
  ASSERT_EQ(all["chunks"].size(), 3u);
  EXPECT_EQ(all["columns"].size(), all["chunks"][0].size());
  EXPECT_EQ(all["chunks"][0][0], 2);  // chunk
  EXPECT_EQ(all["chunks"][0][4], 0);  // is a hole
  EXPECT_EQ(all["chunks"][1][4], 1);
  EXPECT_EQ(all["nodes"][all["chunks"][1][3].get<size_t>()], "n2");
  EXPECT_EQ(Get(file, "weft.chunks.9.5")["chunks"].size(), 1u);
  EXPECT_EQ(Get(file, "weft.chunks.10.5")["chunks"].size(), 0u);
}

TEST_F(VirtualXattrsTest, TheLargestAnswerFitsAnAttribute) {
  vfs_.SetChunks(1'000'000'000);
  const auto text = GetVirtualXattr(vfs_, MakeFile(1), "weft.chunks.999999744.256", kMountJson);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(Json::parse(*text)["chunks"].size(), 256u);
  EXPECT_LT(text->size(), 32u * 1024);
}

TEST_F(VirtualXattrsTest, MalformedRangesAreRefused) {
  for (const char* name :
       {"weft.chunks.", "weft.chunks.1", "weft.chunks.1.", "weft.chunks..1", "weft.chunks.a.1",
        "weft.chunks.1.1x", "weft.chunks.0.257", "weft.chunks.-1.1", "weft.chunks.4294967296.1"}) {
    EXPECT_EQ(ErrnoOfGet(name), EINVAL) << name;
  }
}

TEST_F(VirtualXattrsTest, OthersDoNotExist) {
  EXPECT_EQ(ErrnoOfGet("weft.nothing"), ENODATA);
  EXPECT_EQ(Get(kRootInode, kMountXattr)["pid"], 1);
}

}  // namespace
}  // namespace weft::fuse
