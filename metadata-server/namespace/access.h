// Who may do what, as POSIX.1e and Linux have it: pure functions of a caller's credentials and an
// inode. They read no store and take no lock; the operations (ops/) ask them with the inode's lock
// held, or of one consistent row.
//
// User 0 is root and capable of everything. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cstdint>

#include "metadata-server/namespace/records.pb.h"
#include "proto/types.pb.h"

namespace weft::metadata {

// What is wanted: bits as in a mode, or'ed together.
using Want = uint32_t;
inline constexpr Want kWantExecute = 1;  // of a directory: search
inline constexpr Want kWantWrite = 2;
inline constexpr Want kWantRead = 4;
inline constexpr Want kWantAll = kWantRead | kWantWrite | kWantExecute;

[[nodiscard]] inline bool IsRoot(const proto::Credentials& caller) { return caller.uid() == 0; }
[[nodiscard]] bool IsInGroup(const proto::Credentials& caller, uint32_t gid);
// The owner, or root.
[[nodiscard]] bool IsOwner(const proto::Credentials& caller, const InodeRecord& inode);
// In the inode's group, or root: whoever may keep a set-group-id bit.
[[nodiscard]] bool MayKeepSetGroupId(const proto::Credentials& caller, uint32_t gid);

// By mode, owner and access ACL. Root may all but execute a file that has no x bit at all. EACCES.
[[nodiscard]] absl::Status May(const proto::Credentials& caller, const InodeRecord& inode,
                               Want want);

// The directory that a name is looked up in, or in which one is added: EACCES.
[[nodiscard]] absl::Status MaySearch(const proto::Credentials& caller,
                                     const InodeRecord& directory);
[[nodiscard]] absl::Status MayAddName(const proto::Credentials& caller,
                                      const InodeRecord& directory);
// A name of `inode` is removed from `directory`. EACCES; EPERM: the directory is sticky, and both
// belong to others.
[[nodiscard]] absl::Status MayRemoveName(const proto::Credentials& caller,
                                         const InodeRecord& directory, const InodeRecord& inode);

// The bits of `permissions` that a write or a cut by this caller drops: root's drop none, nor do
// any of what is not a regular file.
[[nodiscard]] uint32_t SetIdBitsDroppedByWrite(const proto::Credentials& caller,
                                               const proto::Attr& attr);
// The same of a change of owner or group, whoever makes it; directories keep theirs.
[[nodiscard]] uint32_t SetIdBitsDroppedByChown(const proto::Credentials& caller,
                                               const proto::Attr& attr);

}  // namespace weft::metadata
