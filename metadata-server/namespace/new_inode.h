// Makes the record of a new inode, as POSIX wants it.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/modes.h"
#include "metadata-server/namespace/records.pb.h"

namespace weft::metadata {

// What open(2), mkdir(2) and mknod(2) ask for.
struct NewMode {
  proto::FileType type = proto::REGULAR;
  uint32_t permissions = 0;
  uint32_t umask = 0;  // without effect where the directory has a default ACL
};

// With an id of its own, the caller as owner, the set-group-id rules, the default ACL and the
// layout of `directory`, and times of the transaction; a regular file is inline and empty. It has
// no name yet.
[[nodiscard]] absl::StatusOr<InodeRecord> NewInode(Core& core, const Transaction& transaction,
                                                   const InodeRecord& directory, NewMode mode);

// The layout of the root directory of a new file system.
[[nodiscard]] proto::Layout DefaultLayout();

inline constexpr uint64_t kDirectoryBytes = 4096;  // what stat shows as a directory's size

}  // namespace weft::metadata
