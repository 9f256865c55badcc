// Names in directories, under locks.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/inode_locks.h"
#include "metadata-server/namespace/records.pb.h"

namespace weft::metadata {

// A directory, a name in it and the inode that it stands for, all locked.
struct LockedName {
  InodeLocks::Guard guard;
  InodeRecord directory;
  InodeRecord inode;
};
// ENOENT: there is no such name, or the directory was removed. EACCES: `caller` may not search it.
[[nodiscard]] absl::StatusOr<LockedName> LockName(Core& core, const proto::Credentials& caller,
                                                  InodeId directory, std::string_view name);

// EMLINK: the directory has as many subdirectories as it can have.
[[nodiscard]] absl::Status CheckSubdirectories(const InodeRecord& directory);

// Names and counts; the caller puts the rows of the directory and of the inode, and changes the
// nlink of an inode that is no directory. Both are locked.
void AddName(Change& change, InodeRecord* directory, std::string_view name, InodeRecord* inode);
void RemoveName(Change& change, InodeRecord* directory, std::string_view name,
                const InodeRecord& inode);

// Takes one link from an inode whose name was removed; with the last one it goes, or becomes an
// orphan.
[[nodiscard]] absl::Status DropLink(Change& change, InodeRecord* inode);

// How often names are looked up again because they changed before they were locked.
inline constexpr int kMaxNameLocks = 1000;

}  // namespace weft::metadata
