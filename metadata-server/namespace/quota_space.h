// What quotas say of one inode, for replies. Thread-safe; the figures are of one moment.
#pragma once

#include "common/ids.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/namespace.h"
#include "metadata-server/namespace/quota_table.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

// See Namespace::SpaceOf.
[[nodiscard]] QuotaSpace SpaceOf(const Core& core, InodeId inode);

// For people, with its path.
[[nodiscard]] proto::Quota Describe(const Core& core, const Quota& quota);

}  // namespace weft::metadata
