// Who may see and change which extended attribute (xattr(7)). Pure functions.
#pragma once

#include <absl/status/status.h>

#include <string_view>

#include "metadata-server/namespace/records.pb.h"
#include "proto/types.pb.h"

namespace weft::metadata {

inline constexpr std::string_view kAccessAclName = "system.posix_acl_access";
inline constexpr std::string_view kDefaultAclName = "system.posix_acl_default";

[[nodiscard]] inline bool IsAclName(std::string_view name) {
  return name == kAccessAclName || name == kDefaultAclName;
}

// ERANGE, EINVAL: no name of an attribute. EOPNOTSUPP: of none that WeftFS keeps.
[[nodiscard]] absl::Status CheckXattrName(std::string_view name);

// Attributes other than ACLs. EACCES; ENODATA where even that it exists is hidden.
[[nodiscard]] absl::Status MayGetXattr(const proto::Credentials& caller, const InodeRecord& inode,
                                       std::string_view name);
// Setting and removing. EACCES; EPERM: this kind of attribute, or of inode, or not this caller.
[[nodiscard]] absl::Status MayChangeXattr(const proto::Credentials& caller,
                                          const InodeRecord& inode, std::string_view name);
[[nodiscard]] bool IsListed(const proto::Credentials& caller, std::string_view name);

// Setting and removing an ACL. EOPNOTSUPP: symbolic links have none. EPERM: not the owner.
[[nodiscard]] absl::Status MayChangeAcl(const proto::Credentials& caller, const InodeRecord& inode);

}  // namespace weft::metadata
