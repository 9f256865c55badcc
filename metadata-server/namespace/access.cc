#include "metadata-server/namespace/access.h"

#include <algorithm>
#include <cerrno>

#include "common/status.h"
#include "metadata-server/namespace/acl.h"
#include "metadata-server/namespace/modes.h"

namespace weft::metadata {
namespace {

constexpr unsigned kOwnerShift = 6;
constexpr unsigned kGroupShift = 3;

bool Allows(uint32_t permissions, Want want) { return (permissions & want) == want; }

// The first entry that concerns the caller decides; but of several groups, the first that allows
// it.
bool AclAllows(const proto::Credentials& caller, const InodeRecord& inode, Want want) {
  const Acl acl = ReadStoredAcl(inode.access_acl());
  uint32_t mask = kWantAll;
  for (const AclEntry& entry : acl) {
    if (entry.tag == AclTag::kMask) mask = entry.permissions;
  }
  bool is_in_some_group = false;
  for (const AclEntry& entry : acl) {
    switch (entry.tag) {
      case AclTag::kOwner:
        if (caller.uid() == inode.attr().uid()) return Allows(entry.permissions, want);
        break;
      case AclTag::kUser:
        if (caller.uid() == entry.id) return Allows(entry.permissions & mask, want);
        break;
      case AclTag::kOwningGroup:
      case AclTag::kGroup: {
        const uint32_t gid = entry.tag == AclTag::kGroup ? entry.id : inode.attr().gid();
        if (!IsInGroup(caller, gid)) break;
        if (Allows(entry.permissions, want)) return Allows(mask, want);
        is_in_some_group = true;
        break;
      }
      case AclTag::kMask:
        break;
      case AclTag::kOther:
        return !is_in_some_group && Allows(entry.permissions, want);
    }
  }
  return false;
}

bool ClassAllows(const proto::Credentials& caller, const InodeRecord& inode, Want want) {
  const uint32_t permissions = inode.attr().permissions();
  if (caller.uid() == inode.attr().uid()) return Allows(permissions >> kOwnerShift, want);
  // As Linux does: an empty mask turns the whole ACL off, also for those that it names.
  if (!inode.access_acl().empty() && (permissions & kGroupPermissions) != 0) {
    return AclAllows(caller, inode, want);
  }
  const bool is_in_group = IsInGroup(caller, inode.attr().gid());
  return Allows(is_in_group ? permissions >> kGroupShift : permissions, want);
}

bool RootMay(const proto::Attr& attr, Want want) {
  return (want & kWantExecute) == 0 || attr.type() == proto::DIRECTORY ||
         (attr.permissions() & kAnyExecute) != 0;
}

bool IsSetGroupIdMeant(uint32_t permissions) {
  return (permissions & kSetGroupId) != 0 && (permissions & kGroupExecute) != 0;
}

}  // namespace

bool IsInGroup(const proto::Credentials& caller, uint32_t gid) {
  return caller.gid() == gid ||
         std::find(caller.groups().begin(), caller.groups().end(), gid) != caller.groups().end();
}

bool IsOwner(const proto::Credentials& caller, const InodeRecord& inode) {
  return IsRoot(caller) || caller.uid() == inode.attr().uid();
}

bool MayKeepSetGroupId(const proto::Credentials& caller, uint32_t gid) {
  return IsRoot(caller) || IsInGroup(caller, gid);
}

absl::Status May(const proto::Credentials& caller, const InodeRecord& inode, Want want) {
  if (IsRoot(caller) ? RootMay(inode.attr(), want) : ClassAllows(caller, inode, want)) {
    return absl::OkStatus();
  }
  return PosixError(EACCES, "user " + std::to_string(caller.uid()) + " may not, by mode or ACL");
}

absl::Status MaySearch(const proto::Credentials& caller, const InodeRecord& directory) {
  return May(caller, directory, kWantExecute);
}

absl::Status MayAddName(const proto::Credentials& caller, const InodeRecord& directory) {
  return May(caller, directory, kWantWrite | kWantExecute);
}

absl::Status MayRemoveName(const proto::Credentials& caller, const InodeRecord& directory,
                           const InodeRecord& inode) {
  WEFT_RETURN_IF_ERROR(May(caller, directory, kWantWrite | kWantExecute));
  if ((directory.attr().permissions() & kSticky) == 0 || IsOwner(caller, inode) ||
      IsOwner(caller, directory)) {
    return absl::OkStatus();
  }
  return PosixError(EPERM, "the directory is sticky, and it and the file belong to others");
}

uint32_t SetIdBitsDroppedByWrite(const proto::Credentials& caller, const proto::Attr& attr) {
  if (IsRoot(caller) || attr.type() != proto::REGULAR) return 0;
  return SetIdBitsDroppedByChown(caller, attr);
}

uint32_t SetIdBitsDroppedByChown(const proto::Credentials& caller, const proto::Attr& attr) {
  if (attr.type() == proto::DIRECTORY) return 0;
  const uint32_t permissions = attr.permissions();
  uint32_t dropped = permissions & kSetUserId;
  if (IsSetGroupIdMeant(permissions) || !MayKeepSetGroupId(caller, attr.gid())) {
    dropped |= permissions & kSetGroupId;
  }
  return dropped;
}

}  // namespace weft::metadata
