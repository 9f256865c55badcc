// Makes the record of a new inode, as POSIX wants it.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/records.pb.h"

namespace weft::metadata {

// With an id of its own, the caller as owner, the set-group-id rules and the layout of `directory`,
// and times of the transaction; a regular file is inline and empty. It has no name yet.
[[nodiscard]] absl::StatusOr<InodeRecord> NewInode(Core& core, const Transaction& transaction,
                                                   const InodeRecord& directory,
                                                   proto::FileType type, uint32_t permissions);

// The layout of the root directory of a new file system.
[[nodiscard]] proto::Layout DefaultLayout();

inline constexpr uint32_t kPermissionBits = 07777;
inline constexpr uint32_t kSetUserId = 04000;
inline constexpr uint32_t kSetGroupId = 02000;
inline constexpr uint32_t kGroupExecute = 00010;
inline constexpr uint64_t kDirectoryBytes = 4096;  // what stat shows as a directory's size

}  // namespace weft::metadata
