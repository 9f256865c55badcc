// The ACLs of an inode, as the operations on extended attributes set and get them.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "metadata-server/namespace/records.pb.h"

namespace weft::metadata::ops {

// `name` is that of an ACL in all of these.

// ENODATA: there is none.
[[nodiscard]] absl::StatusOr<std::string> GetAcl(const InodeRecord& inode, std::string_view name);

// An access ACL becomes the mode, too, and where it says no more than that it is not kept. A value
// without entries removes the ACL. EACCES: a default ACL for what is no directory. Other errors:
// see ParseAcl and MayChangeAcl. Does not put the inode.
[[nodiscard]] absl::Status SetAcl(const proto::Credentials& caller, std::string_view name,
                                  std::string_view value, InodeRecord* inode);

// Also where there is none.
[[nodiscard]] absl::Status RemoveAcl(const proto::Credentials& caller, std::string_view name,
                                     InodeRecord* inode);

// What they take of the space for attributes.
[[nodiscard]] size_t AclBytes(const InodeRecord& inode);

}  // namespace weft::metadata::ops
