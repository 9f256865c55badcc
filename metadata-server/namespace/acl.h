// POSIX ACLs (POSIX.1e, acl(5)): reading, checking and changing one. Pure functions; they know
// nothing of inodes.
//
// The bytes are those of Linux' extended attributes: a version (2), then for each entry tag,
// permissions (rwx, as in a mode) and id, little-endian (docs/formats.md).
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::metadata {

enum class AclTag : uint16_t {
  kOwner = 0x01,
  kUser = 0x02,  // a named one
  kOwningGroup = 0x04,
  kGroup = 0x08,  // a named one
  kMask = 0x10,   // the most that named users and all groups get
  kOther = 0x20,
};

struct AclEntry {
  AclTag tag = AclTag::kOther;
  uint16_t permissions = 0;  // 4 read, 2 write, 1 execute or search
  uint32_t id = 0;           // of a named user or group
};

// A valid one has owner, named users, owning group, named groups, mask and other, in this order; a
// mask where anybody is named.
using Acl = std::vector<AclEntry>;

// Empty: the bytes say that there is none. EOPNOTSUPP: another version. EINVAL: malformed, or not
// valid. ENOSPC: more than kMaxAclEntries.
[[nodiscard]] absl::StatusOr<Acl> ParseAcl(std::string_view bytes);
// Bytes that ParseAcl has accepted before.
[[nodiscard]] Acl ReadStoredAcl(std::string_view bytes);
[[nodiscard]] std::string FormatAcl(const Acl& acl);

// Nobody is named and there is no mask: it says no more than a mode does.
[[nodiscard]] bool IsMinimal(const Acl& acl);
// The nine permission bits that stand for the ACL: owner, mask (or owning group), other.
[[nodiscard]] uint32_t PermissionsOf(const Acl& acl);
// What chmod does: the bits go to owner, mask (or owning group) and other.
void SetPermissions(uint32_t permissions, Acl* acl);
// What creating an inode does under a default ACL: nobody gets more than `*permissions` allow, and
// `*permissions` become what the ACL then allows; their other bits stay.
void Restrict(uint32_t* permissions, Acl* acl);

}  // namespace weft::metadata
