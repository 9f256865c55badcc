// Extended attributes and ACLs: who may, and what an ACL changes.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "metadata-server/namespace/testing/permissions_fixture.h"
#include "metadata-server/namespace/xattr_rules.h"

namespace weft::metadata {
namespace {

using XattrsTest = PermissionsFixture;

TEST_F(XattrsTest, XattrsByNameAndType) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  const InodeId l = InodeId(ns_.Make(kRootInode, "l", proto::SYMLINK, "t")->inode_id());
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  EXPECT_EQ(ns_.SetXattr(f, "user.a", "1"), 0);
  EXPECT_EQ(ns_.SetXattr(l, "user.a", "1"), EPERM);
  EXPECT_EQ(GetXattr(l, "user.a"), ENODATA);
  EXPECT_EQ(ns_.SetXattr(f, "trusted.a", "1"), EPERM);
  EXPECT_EQ(ns_.SetXattr(f, "security.a", "1"), EPERM);
  Be(root_);
  EXPECT_EQ(ns_.SetXattr(f, "trusted.a", "1"), 0);
  EXPECT_EQ(ns_.SetXattr(l, "trusted.a", "1"), 0);
  EXPECT_EQ(ns_.SetXattr(f, "security.a", "1"), 0);
  EXPECT_EQ(ListXattr(f), (std::vector<std::string>{"security.a", "trusted.a", "user.a"}));
  Be(stranger_);
  EXPECT_EQ(ListXattr(f), (std::vector<std::string>{"security.a", "user.a"}));
  EXPECT_EQ(GetXattr(f, "trusted.a"), ENODATA);
  EXPECT_EQ(GetXattr(f, "security.a"), 0);
  EXPECT_EQ(GetXattr(f, "user.a"), 0);
  EXPECT_EQ(ns_.SetXattr(f, "user.a", "2"), EACCES);
  EXPECT_EQ(RemoveXattr(f, "user.a"), EACCES);
  EXPECT_EQ(RemoveXattr(f, "trusted.a"), EPERM);
  Be(owner_);
  ASSERT_EQ(Chmod(f, 0), 0);
  ASSERT_EQ(Chmod(d, 01777), 0);
  Be(stranger_);
  EXPECT_EQ(GetXattr(f, "user.a"), EACCES);
  EXPECT_EQ(ns_.SetXattr(d, "user.a", "2"), EPERM) << "a sticky directory of somebody else";
}

TEST_F(XattrsTest, AnAclPermitsAndIsTheMode) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  const std::string acl = AclBytes(kStranger, 4, 6);
  Be(stranger_);
  EXPECT_EQ(ns_.SetXattr(f, kAccessAclName, acl), EPERM);
  Be(owner_);
  EXPECT_EQ(ns_.SetXattr(f, kAccessAclName, acl), 0);
  EXPECT_EQ(PermissionsOfInode(f), 0760u);
  EXPECT_TRUE(ns_.Get(f).has_xattrs());
  EXPECT_EQ(ListXattr(f), std::vector<std::string>{std::string(kAccessAclName)});
  Be(stranger_);
  EXPECT_EQ(OpenWith(f, 6, /*for_writing=*/true), 0);
  EXPECT_EQ(OpenWith(f, 1), EACCES) << "the mask";
  std::string value;
  EXPECT_EQ(GetXattr(f, kAccessAclName, &value), 0) << "reading an ACL needs no permission";
  EXPECT_EQ(value, acl);

  Be(owner_);
  ASSERT_EQ(Chmod(f, 0740), 0);
  EXPECT_EQ(GetXattr(f, kAccessAclName, &value), 0);
  EXPECT_EQ(value, AclBytes(kStranger, 4, 4)) << "chmod changes the mask";
  Be(stranger_);
  EXPECT_EQ(OpenWith(f, 6, /*for_writing=*/true), EACCES);
  Be(owner_);
  EXPECT_EQ(RemoveXattr(f, kAccessAclName), 0);
  EXPECT_EQ(GetXattr(f, kAccessAclName), ENODATA);
  EXPECT_EQ(RemoveXattr(f, kAccessAclName), 0) << "removing none is fine";
  EXPECT_FALSE(ns_.Get(f).has_xattrs());
  ns_.ExpectInvariants();
}

TEST_F(XattrsTest, AclErrorsAndMinimalOnes) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  const InodeId l = InodeId(ns_.Make(kRootInode, "l", proto::SYMLINK, "t")->inode_id());
  EXPECT_EQ(ns_.SetXattr(f, kAccessAclName, "nonsense"), EINVAL);
  EXPECT_EQ(ns_.SetXattr(f, kDefaultAclName, AclBytes(1, 1, 1)), EACCES);
  EXPECT_EQ(ns_.SetXattr(l, kAccessAclName, AclBytes(1, 1, 1)), EOPNOTSUPP);
  ASSERT_EQ(Chmod(f, 04711), 0);
  EXPECT_EQ(ns_.SetXattr(
                f, kAccessAclName,
                FormatAcl({{AclTag::kOwner, 6}, {AclTag::kOwningGroup, 4}, {AclTag::kOther, 4}})),
            0);
  EXPECT_EQ(PermissionsOfInode(f), 04644u);
  EXPECT_EQ(GetXattr(f, kAccessAclName), ENODATA) << "the mode says it all";
  EXPECT_EQ(ns_.SetXattr(f, "user.fill", std::string(64 * 1024 - 100, 'v')), 0);
  EXPECT_EQ(ns_.SetXattr(f, kAccessAclName, AclBytes(1, 1, 1)), 0);
  EXPECT_EQ(ns_.SetXattr(f, "user.more", std::string(30, 'v')), ENOSPC) << "the ACL counts";
  Be(root_);
  ASSERT_EQ(Chown(f, kUser, kStrangersGroup), 0);
  ASSERT_EQ(Chmod(f, 02755), 0);
  Be(owner_);
  EXPECT_EQ(ns_.SetXattr(f, kAccessAclName, AclBytes(1, 5, 5)), 0);
  EXPECT_EQ(PermissionsOfInode(f), 0750u) << "set-group-id goes, as with chmod";
}

TEST_F(XattrsTest, DefaultAclsAreInherited) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const std::string acl = AclBytes(kStranger, 5, 7);
  ASSERT_EQ(ns_.SetXattr(d, kDefaultAclName, acl), 0);
  EXPECT_EQ(PermissionsOfInode(d), 0755u) << "says nothing of the directory itself";
  auto request = ns_.Next<proto::CreateRequest>();
  request.set_parent_id(d.value());
  request.set_name("f");
  request.set_permissions(0666);
  request.set_umask(077);
  const auto created = ns_->Create(request, nullptr);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->attr().permissions(), 0660u) << "the umask does not count";
  EXPECT_TRUE(created->attr().has_xattrs());
  const InodeId f(created->attr().inode_id());
  std::string value;
  EXPECT_EQ(GetXattr(f, kAccessAclName, &value), 0);
  EXPECT_EQ(value, FormatAcl({{AclTag::kOwner, 6},
                              {AclTag::kUser, 7, kStranger},
                              {AclTag::kOwningGroup, 5},
                              {AclTag::kMask, 6},
                              {AclTag::kOther, 0}}));
  EXPECT_EQ(GetXattr(f, kDefaultAclName), ENODATA);
  const InodeId sub = InodeId(ns_.Make(d, "s", proto::DIRECTORY, {}, 0777)->inode_id());
  EXPECT_EQ(GetXattr(sub, kDefaultAclName, &value), 0);
  EXPECT_EQ(value, acl);
  EXPECT_EQ(GetXattr(sub, kAccessAclName, &value), 0);
  EXPECT_EQ(PermissionsOfInode(sub), 0770u);
  const auto link = ns_.Make(d, "l", proto::SYMLINK, "t", 0777);
  EXPECT_EQ(link->permissions(), 0777u);
  EXPECT_FALSE(link->has_xattrs());
  Be(stranger_);
  EXPECT_EQ(OpenWith(f, 6, /*for_writing=*/true), 0);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(sub, "x")), ENOENT) << "he may search it";
}

}  // namespace
}  // namespace weft::metadata
