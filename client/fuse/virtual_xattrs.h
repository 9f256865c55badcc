// Extended attributes "weft.*" that no inode stores: what programs on a mount ask of WeftFS itself,
// as JSON, without knowing a server's address. They are not listed by listxattr(2).
//
//   weft.layout            {"chunk_bytes", "width", "pool", "inline_max_bytes"}; of a directory it
//                          can be set, also some of the keys only
//   weft.info              inode, type, size, path, layout and, of a regular file, its content
//   weft.chunks.FIRST.N    where the chunks [FIRST, FIRST + N) of a regular file lie
//   weft.quota, weft.quotas.AFTER   see quota_xattrs.h
//   weft.mount             of the mount: server, mount point, process, version
//
// Thread-safe: functions without state.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "client/core/vfs.h"
#include "common/ids.h"

namespace weft::fuse {

inline constexpr char kLayoutXattr[] = "weft.layout";
inline constexpr char kInfoXattr[] = "weft.info";
inline constexpr char kChunksXattrPrefix[] = "weft.chunks.";
inline constexpr char kMountXattr[] = "weft.mount";

// Of one weft.chunks value: keeps it below the 64 KiB that an attribute can have.
inline constexpr uint32_t kMaxChunksPerXattr = 256;

[[nodiscard]] bool IsVirtualXattr(std::string_view name);

// ENODATA: there is no such attribute of this inode. EINVAL: malformed range of chunks.
[[nodiscard]] absl::StatusOr<std::string> GetVirtualXattr(client::Vfs& vfs, InodeId inode,
                                                          std::string_view name,
                                                          std::string_view mount_json);

// EPERM: it cannot be set. EINVAL with the reason: not JSON, an unknown key, no number.
[[nodiscard]] absl::Status SetVirtualXattr(client::Vfs& vfs, client::Caller caller, InodeId inode,
                                           std::string_view name, std::string_view value);

// EPERM: it cannot be removed. ENODATA: the inode has it not.
[[nodiscard]] absl::Status RemoveVirtualXattr(client::Vfs& vfs, client::Caller caller,
                                              InodeId inode, std::string_view name);

}  // namespace weft::fuse
