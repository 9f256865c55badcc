#include "metadata-server/namespace/access.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "common/status.h"
#include "metadata-server/namespace/acl.h"
#include "metadata-server/namespace/modes.h"
#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

constexpr uint32_t kOwner = 10;
constexpr uint32_t kStranger = 11;
constexpr uint32_t kOwningGroup = 20;
constexpr uint32_t kOtherGroup = 21;

InodeRecord Inode(proto::FileType type, uint32_t permissions) {
  InodeRecord inode;
  inode.mutable_attr()->set_type(type);
  inode.mutable_attr()->set_permissions(permissions);
  inode.mutable_attr()->set_uid(kOwner);
  inode.mutable_attr()->set_gid(kOwningGroup);
  return inode;
}

bool IsAllowed(const proto::Credentials& caller, const InodeRecord& inode, Want want) {
  const absl::Status status = May(caller, inode, want);
  EXPECT_TRUE(status.ok() || ErrnoOf(status) == EACCES) << status;
  return status.ok();
}

// Of a mode alone: the class that the caller is in decides, all by itself.
TEST(AccessTest, EveryModeForEveryClass) {
  const struct {
    proto::Credentials caller;
    unsigned shift;
  } classes[] = {
      {CallerOf(kOwner, {kOtherGroup}), 6},
      {CallerOf(kOwner, {kOwningGroup}), 6},
      {CallerOf(kStranger, {kOwningGroup}), 3},
      {CallerOf(kStranger, {kOtherGroup, 5, kOwningGroup}), 3},
      {CallerOf(kStranger, {kOtherGroup, 5}), 0},
  };
  for (const auto type : {proto::REGULAR, proto::DIRECTORY, proto::FIFO}) {
    for (uint32_t permissions = 0; permissions <= 07777; ++permissions) {
      const InodeRecord inode = Inode(type, permissions);
      for (const auto& c : classes) {
        for (Want want = 0; want <= kWantAll; ++want) {
          const bool expected = ((permissions >> c.shift) & want) == want;
          ASSERT_EQ(IsAllowed(c.caller, inode, want), expected)
              << std::oct << permissions << " " << want << " " << c.shift;
        }
      }
    }
  }
}

TEST(AccessTest, RootMayAllButExecuteWhatNobodyMay) {
  const proto::Credentials root = CallerOf(0, {0});
  for (uint32_t permissions = 0; permissions <= 0777; ++permissions) {
    for (Want want = 0; want <= kWantAll; ++want) {
      const bool is_executable = (permissions & 0111) != 0;
      ASSERT_EQ(IsAllowed(root, Inode(proto::REGULAR, permissions), want),
                (want & kWantExecute) == 0 || is_executable);
      ASSERT_TRUE(IsAllowed(root, Inode(proto::DIRECTORY, permissions), want));
    }
  }
}

// What POSIX.1e says of an ACL with one named user, one named group and a mask, written down a
// second time in another way.
bool AclModel(const proto::Credentials& caller, const Acl& acl, Want want) {
  const uint32_t owner = acl[0].permissions, user = acl[1].permissions, group = acl[2].permissions,
                 named_group = acl[3].permissions, mask = acl[4].permissions,
                 other = acl[5].permissions;
  const auto allows = [want](uint32_t permissions) { return (permissions & want) == want; };
  if (caller.uid() == kOwner) return allows(owner);
  // Linux looks at the ACL only where the mask leaves something.
  const bool in_owning = IsInGroup(caller, kOwningGroup);
  if (mask == 0) return allows(in_owning ? 0 : other);
  if (caller.uid() == acl[1].id) return allows(user & mask);
  const bool in_named = IsInGroup(caller, acl[3].id);
  if (in_owning || in_named) {
    return (in_owning && allows(group & mask)) || (in_named && allows(named_group & mask));
  }
  return allows(other);
}

TEST(AccessTest, EveryAclOfOneUserAndOneGroup) {
  constexpr uint32_t kNamedUser = 12;
  constexpr uint32_t kNamedGroup = 22;
  const proto::Credentials callers[] = {
      CallerOf(kOwner, {kOtherGroup}),
      CallerOf(kNamedUser, {kOtherGroup}),
      CallerOf(kNamedUser, {kOwningGroup, kNamedGroup}),
      CallerOf(kStranger, {kOwningGroup}),
      CallerOf(kStranger, {kNamedGroup}),
      CallerOf(kStranger, {kOtherGroup, kNamedGroup, kOwningGroup}),
      CallerOf(kStranger, {kOtherGroup}),
  };
  InodeRecord inode = Inode(proto::REGULAR, 0);
  // All combinations of writing and executing: reading goes by the same rules.
  for (uint32_t bits = 0; bits < (1u << 12); ++bits) {
    const auto permissions = [bits](unsigned entry) {
      return static_cast<uint16_t>((bits >> (2 * entry)) & 3);
    };
    const Acl acl = {
        {AclTag::kOwner, permissions(0)},       {AclTag::kUser, permissions(1), kNamedUser},
        {AclTag::kOwningGroup, permissions(2)}, {AclTag::kGroup, permissions(3), kNamedGroup},
        {AclTag::kMask, permissions(4)},        {AclTag::kOther, permissions(5)}};
    inode.set_access_acl(FormatAcl(acl));
    inode.mutable_attr()->set_permissions(PermissionsOf(acl));
    for (const proto::Credentials& caller : callers) {
      for (Want want = 1; want <= (kWantWrite | kWantExecute); ++want) {
        ASSERT_EQ(IsAllowed(caller, inode, want), AclModel(caller, acl, want))
            << bits << " " << want << " " << caller.uid();
      }
    }
  }
}

TEST(AccessTest, NamesInDirectories) {
  const proto::Credentials stranger = CallerOf(kStranger, {kOtherGroup});
  const struct {
    uint32_t permissions;
    int search, add;
  } cases[] = {{0770, EACCES, EACCES}, {0771, 0, EACCES}, {0772, EACCES, EACCES},
               {0773, 0, 0},           {0777, 0, 0},      {0774, EACCES, EACCES}};
  for (const auto& c : cases) {
    const InodeRecord directory = Inode(proto::DIRECTORY, c.permissions);
    EXPECT_EQ(ErrnoOf(MaySearch(stranger, directory)), c.search) << std::oct << c.permissions;
    EXPECT_EQ(ErrnoOf(MayAddName(stranger, directory)), c.add) << std::oct << c.permissions;
    EXPECT_EQ(ErrnoOf(MayRemoveName(stranger, directory, Inode(proto::REGULAR, 0))), c.add);
  }
}

TEST(AccessTest, StickyDirectories) {
  InodeRecord file = Inode(proto::REGULAR, 0644);
  file.mutable_attr()->set_uid(kStranger);
  const InodeRecord sticky = Inode(proto::DIRECTORY, 01777);
  const auto remove = [&](uint32_t uid) {
    return ErrnoOf(MayRemoveName(CallerOf(uid, {kOwningGroup}), sticky, file));
  };
  EXPECT_EQ(remove(kStranger), 0) << "owns the file";
  EXPECT_EQ(remove(kOwner), 0) << "owns the directory";
  EXPECT_EQ(remove(0), 0) << "root";
  EXPECT_EQ(remove(99), EPERM);
}

TEST(AccessTest, SetIdBitsThatGo) {
  const proto::Credentials root = CallerOf(0, {0});
  const proto::Credentials member = CallerOf(kStranger, {kOwningGroup});
  const proto::Credentials stranger = CallerOf(kStranger, {kOtherGroup});
  const struct {
    proto::FileType type;
    uint32_t permissions;
    uint32_t by_root_write, by_member_write, by_stranger_write, by_root_chown, by_member_chown;
  } cases[] = {
      {proto::REGULAR, 06755, 0, 06000, 06000, 06000, 06000},
      {proto::REGULAR, 02644, 0, 0, 02000, 0, 0},
      {proto::REGULAR, 04644, 0, 04000, 04000, 04000, 04000},
      {proto::REGULAR, 01777, 0, 0, 0, 0, 0},
      {proto::DIRECTORY, 06755, 0, 0, 0, 0, 0},
      {proto::FIFO, 04755, 0, 0, 0, 04000, 04000},
  };
  for (const auto& c : cases) {
    const proto::Attr attr = Inode(c.type, c.permissions).attr();
    EXPECT_EQ(SetIdBitsDroppedByWrite(root, attr), c.by_root_write);
    EXPECT_EQ(SetIdBitsDroppedByWrite(member, attr), c.by_member_write);
    EXPECT_EQ(SetIdBitsDroppedByWrite(stranger, attr), c.by_stranger_write);
    EXPECT_EQ(SetIdBitsDroppedByChown(root, attr), c.by_root_chown);
    EXPECT_EQ(SetIdBitsDroppedByChown(member, attr), c.by_member_chown);
  }
}

}  // namespace
}  // namespace weft::metadata
