#include "client/fuse/quota_xattrs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "client/fuse/testing/memory_vfs.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr InodeId kDirectory{5};

class QuotaXattrsTest : public ::testing::Test {
 protected:
  Json Get(std::string_view name, InodeId inode = kDirectory) {
    const absl::StatusOr<std::string> text = GetVirtualXattr(vfs_, inode, name, "{}");
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? Json::parse(*text) : Json();
  }
  absl::Status Set(std::string_view value, InodeId inode = kDirectory, uint32_t uid = 0) {
    return SetVirtualXattr(vfs_, {.uid = uid}, inode, kQuotaXattr, value);
  }

  MemoryVfs vfs_;
};

TEST_F(QuotaXattrsTest, SetsLimitByLimit) {
  EXPECT_EQ(Get(kQuotaXattr)["quotas"], Json::array());
  ASSERT_TRUE(Set(R"({"limit_bytes": 1099511627776})").ok());
  ASSERT_TRUE(Set(R"({"limit_inodes": 1000})").ok());
  const Json quota = Get(kQuotaXattr)["quotas"][0];
  EXPECT_EQ(quota["limit_bytes"], 1099511627776);
  EXPECT_EQ(quota["limit_inodes"], 1000);
  EXPECT_EQ(quota["used_bytes"], 0);
  EXPECT_EQ(quota["state"], "active");
  EXPECT_EQ(quota["path"], "/5");
}

TEST_F(QuotaXattrsTest, MalformedQuotasAreRefusedByName) {
  for (const auto& [value, problem] : std::vector<std::pair<const char*, const char*>>{
           {"", "JSON object"},
           {"[1]", "JSON object"},
           {R"({"limit": 3})", "limit"},
           {R"({"limit_bytes": -3})", "limit_bytes"},
           {R"({"limit_inodes": "3"})", "limit_inodes"}}) {
    const absl::Status status = Set(value);
    EXPECT_EQ(ErrnoOf(status), EINVAL) << value;
    EXPECT_THAT(MessageOf(status), HasSubstr(problem)) << value;
  }
  EXPECT_EQ(Get(kQuotaXattr)["quotas"], Json::array());
}

TEST_F(QuotaXattrsTest, TheCallerIsPassedOn) {
  EXPECT_EQ(ErrnoOf(Set(R"({"limit_inodes": 1})", kDirectory, 1000)), EPERM);
}

TEST_F(QuotaXattrsTest, ListsPageByPage) {
  for (const uint64_t inode : {5, 9}) ASSERT_TRUE(Set("{}", InodeId(inode)).ok());
  const Json first = Get("weft.quotas.0", kRootInode);
  EXPECT_EQ(first["quotas"][0]["inode"], 5);
  EXPECT_EQ(first["next_after"], 5);
  EXPECT_EQ(Get("weft.quotas.5", kRootInode)["quotas"][0]["inode"], 9);
  EXPECT_EQ(Get("weft.quotas.9", kRootInode)["next_after"], 0);
  for (const char* name : {"weft.quotas.", "weft.quotas.x", "weft.quotas.1x", "weft.quotas.-1"}) {
    EXPECT_EQ(ErrnoOf(GetVirtualXattr(vfs_, kRootInode, name, "{}").status()), EINVAL) << name;
  }
}

TEST_F(QuotaXattrsTest, OnlyAQuotaCanBeRemoved) {
  ASSERT_TRUE(Set("{}").ok());
  EXPECT_TRUE(RemoveVirtualXattr(vfs_, {}, kDirectory, kQuotaXattr).ok());
  EXPECT_EQ(ErrnoOf(RemoveVirtualXattr(vfs_, {}, kDirectory, kQuotaXattr)), ENODATA);
  EXPECT_EQ(ErrnoOf(RemoveVirtualXattr(vfs_, {}, kDirectory, kLayoutXattr)), EPERM);
}

}  // namespace
}  // namespace weft::fuse
