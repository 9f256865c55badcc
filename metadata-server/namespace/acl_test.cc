#include "metadata-server/namespace/acl.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

const Acl kMinimal = {{AclTag::kOwner, 6}, {AclTag::kOwningGroup, 4}, {AclTag::kOther, 0}};
const Acl kFull = {{AclTag::kOwner, 7},       {AclTag::kUser, 7, 5},  {AclTag::kUser, 6, 3},
                   {AclTag::kOwningGroup, 5}, {AclTag::kGroup, 7, 8}, {AclTag::kMask, 4},
                   {AclTag::kOther, 1}};

TEST(AclTest, BytesAreThoseOfLinux) {
  const std::string bytes(
      "\x02\0\0\0"
      "\x01\0\x06\0\xff\xff\xff\xff"
      "\x04\0\x04\0\xff\xff\xff\xff"
      "\x20\0\0\0\xff\xff\xff\xff",
      28);
  EXPECT_EQ(FormatAcl(kMinimal), bytes);
  const auto acl = ParseAcl(bytes);
  ASSERT_TRUE(acl.ok()) << acl.status();
  EXPECT_EQ(FormatAcl(*acl), bytes);
  const auto full = ParseAcl(FormatAcl(kFull));
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_EQ((*full)[2].id, 3u);
  EXPECT_EQ((*full)[2].permissions, 6u);
}

TEST(AclTest, WhatIsNoAcl) {
  const auto error = [](const Acl& acl) { return ErrnoOf(ParseAcl(FormatAcl(acl))); };
  EXPECT_EQ(error({}), 0) << "no entries: there is none";
  EXPECT_EQ(error(kFull), 0);
  for (size_t missing = 0; missing < kMinimal.size(); ++missing) {
    Acl acl = kMinimal;
    acl.erase(acl.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_EQ(error(acl), EINVAL) << missing;
  }
  for (size_t i = 0; i + 1 < kMinimal.size(); ++i) {
    Acl acl = kMinimal;
    std::swap(acl[i], acl[i + 1]);
    EXPECT_EQ(error(acl), EINVAL) << i;
    acl = kMinimal;
    acl.insert(acl.begin() + static_cast<std::ptrdiff_t>(i), acl[i]);
    EXPECT_EQ(error(acl), EINVAL) << "twice: " << i;
  }
  Acl acl = kFull;
  acl.erase(acl.begin() + 5);
  EXPECT_EQ(error(acl), EINVAL) << "names somebody and has no mask";
  acl = kFull;
  acl[1].id = UINT32_MAX;
  EXPECT_EQ(error(acl), EINVAL) << "names nobody";
  acl = kFull;
  acl[1].permissions = 8;
  EXPECT_EQ(error(acl), EINVAL);
  acl = kFull;
  acl.back().tag = static_cast<AclTag>(0x40);
  EXPECT_EQ(error(acl), EINVAL);
  EXPECT_EQ(ErrnoOf(ParseAcl("")), EINVAL);
  EXPECT_EQ(ErrnoOf(ParseAcl(FormatAcl(kFull) + "x")), EINVAL);
  std::string other_version = FormatAcl(kFull);
  other_version[0] = 1;
  EXPECT_EQ(ErrnoOf(ParseAcl(other_version)), EOPNOTSUPP);
  acl = kFull;
  acl.insert(acl.begin() + 1, kMaxAclEntries - kFull.size(), {AclTag::kUser, 7, 4});
  EXPECT_EQ(error(acl), 0);
  acl.insert(acl.begin() + 1, {AclTag::kUser, 7, 4});
  EXPECT_EQ(error(acl), ENOSPC);
}

TEST(AclTest, ModeAndBack) {
  EXPECT_TRUE(IsMinimal(kMinimal));
  EXPECT_FALSE(IsMinimal(kFull));
  EXPECT_FALSE(IsMinimal(
      {{AclTag::kOwner, 6}, {AclTag::kOwningGroup, 4}, {AclTag::kMask, 4}, {AclTag::kOther, 0}}));
  EXPECT_EQ(PermissionsOf(kMinimal), 0640u);
  EXPECT_EQ(PermissionsOf(kFull), 0741u) << "the mask stands for the group class";
  Acl acl = kFull;
  SetPermissions(06612, &acl);
  EXPECT_EQ(PermissionsOf(acl), 0612u);
  EXPECT_EQ(acl[3].permissions, 5u) << "chmod changes the mask, not the owning group";
  acl = kMinimal;
  SetPermissions(0612, &acl);
  EXPECT_EQ(acl[1].permissions, 1u) << "where there is no mask, the group itself";
}

TEST(AclTest, RestrictTakesTheSmallerOfBoth) {
  Acl acl = kFull;  // 0741
  uint32_t permissions = 02666;
  Restrict(&permissions, &acl);
  EXPECT_EQ(permissions, 02640u);
  EXPECT_EQ(PermissionsOf(acl), 0640u);
  EXPECT_EQ(acl[1].permissions, 7u) << "named ones stay: the mask holds them down";
}

}  // namespace
}  // namespace weft::metadata
