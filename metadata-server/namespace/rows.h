// Typed reading of the namespace's rows, and of names. Thread-safe: one consistent row each; who
// needs several that fit together holds the inode's lock.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/ids.h"
#include "metadata-server/namespace/records.pb.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// ESTALE: there is no such inode (any more). EIO: the row is damaged.
[[nodiscard]] absl::StatusOr<InodeRecord> ReadInode(const KvStore& store, InodeId inode);
// The same for a directory. ENOTDIR: it is none.
[[nodiscard]] absl::StatusOr<InodeRecord> ReadDirectory(const KvStore& store, InodeId inode);
// The same for a directory that takes new names. ENOENT: it was removed and is only still open.
[[nodiscard]] absl::StatusOr<InodeRecord> ReadLiveDirectory(const KvStore& store, InodeId inode);

// Nothing where the directory has no such name or does not exist.
[[nodiscard]] absl::StatusOr<std::optional<DentryRecord>> ReadDentry(const KvStore& store,
                                                                     InodeId directory,
                                                                     std::string_view name);

// The inode that a name stands for at one moment, without any lock: a name that is replaced
// meanwhile leads to the old inode or the new one. ENOENT: no such name.
[[nodiscard]] absl::StatusOr<InodeRecord> ReadNamedInode(const KvStore& store, InodeId directory,
                                                         std::string_view name);

// The stored inline bytes: those that are missing up to the size are zeros.
[[nodiscard]] absl::StatusOr<std::string> ReadInlineBytes(const KvStore& store,
                                                          const proto::Content& content);

// ENAMETOOLONG or EINVAL for what cannot be a name in a directory. "." and ".." pass.
[[nodiscard]] absl::Status CheckName(std::string_view name);
[[nodiscard]] bool IsDotName(std::string_view name);

[[nodiscard]] inline InodeId IdOf(const InodeRecord& inode) {
  return InodeId(inode.attr().inode_id());
}
[[nodiscard]] inline InodeId IdOf(const DentryRecord& dentry) { return InodeId(dentry.inode_id()); }
[[nodiscard]] inline bool IsDirectory(const InodeRecord& inode) {
  return inode.attr().type() == proto::DIRECTORY;
}
[[nodiscard]] inline bool IsRegular(const InodeRecord& inode) {
  return inode.attr().type() == proto::REGULAR;
}
[[nodiscard]] inline bool HasAcl(const InodeRecord& inode) {
  return !inode.access_acl().empty() || !inode.default_acl().empty();
}

}  // namespace weft::metadata
