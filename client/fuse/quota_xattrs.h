// The extended attributes of quotas among those of virtual_xattrs.h.
//
//   weft.quota             {"quotas": [quota, …]}: those that the inode counts in, nearest first;
//   none:
//                          an empty list. Of a directory it can be set, {"limit_bytes",
//                          "limit_inodes"} or one of them, and removed.
//   weft.quotas.AFTER      {"quotas": [quota, …], "next_after"}: a page of those at or below a
//                          directory, with inode ids greater than AFTER; next_after 0: the last one
//
// A quota is {"path", "inode", "state", "limit_bytes", "used_bytes", "limit_inodes",
// "used_inodes"}, with the path from the root of the file system; a limit of 0 is none.
// Thread-safe: functions without state.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "client/core/vfs.h"
#include "common/ids.h"

namespace weft::fuse {

inline constexpr char kQuotaXattr[] = "weft.quota";
inline constexpr char kQuotasXattrPrefix[] = "weft.quotas.";

[[nodiscard]] absl::StatusOr<std::string> GetQuotaXattr(client::Vfs& vfs, InodeId inode);
// EINVAL: `after` is no number.
[[nodiscard]] absl::StatusOr<std::string> GetQuotasXattr(client::Vfs& vfs, InodeId inode,
                                                         std::string_view after);
// EINVAL with the reason; EPERM: the caller is not root.
[[nodiscard]] absl::Status SetQuotaXattr(client::Vfs& vfs, client::Caller caller, InodeId inode,
                                         std::string_view value);

}  // namespace weft::fuse
