// Where one quota ends and the next begins: what may get a name on the other side.
//
// Files and empty directories may, and their charge goes with them. A directory with something in
// it, or with a quota of its own, and a file with several names may not, as with XFS project
// quotas: EXDEV, so that mv(1) copies. While walks go on (quota_walks.h) not every inode has its
// quota_id yet; then the quota that it will have counts. Every function wants the locks of the
// inodes that it is given held.
#pragma once

#include <absl/status/statusor.h>

#include "common/ids.h"
#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/records.pb.h"

namespace weft::metadata {

// The quota whose directory is the nearest above one, itself included; none: there is none. Quotas
// that are being removed do not count. Wants no lock: a directory that moves on the way up stays
// within one quota.
[[nodiscard]] absl::StatusOr<InodeId> QuotaAbove(const Core& core, InodeId directory);

// `moved` gets a name in `to` for one in `from`, which may be the same. Does not put its row.
[[nodiscard]] absl::Status MoveOverBorder(Core& core, Change& change, const InodeRecord& from,
                                          const InodeRecord& to, InodeRecord* moved);

// `inode`, which is no directory, gets one more name, in `directory`. Does not put its row.
[[nodiscard]] absl::Status LinkOverBorder(const Core& core, Change& change,
                                          const InodeRecord& directory, InodeRecord* inode);

}  // namespace weft::metadata
