// What a session says that it has open.
#pragma once

#include <vector>

#include "common/ids.h"
#include "metadata-server/namespace/core.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

// See Namespace::ReportOpens.
[[nodiscard]] std::vector<InodeId> ReportOpens(Core& core, const proto::KeepAliveRequest& report);

}  // namespace weft::metadata
