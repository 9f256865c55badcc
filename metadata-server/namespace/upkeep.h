// What is done on nobody's request: reports and ends of sessions, and finishing what was left over.
#pragma once

#include <absl/status/status.h>

#include <vector>

#include "common/ids.h"
#include "metadata-server/namespace/core.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

// See Namespace::ReportOpens, EndSession and Tick.
[[nodiscard]] std::vector<InodeId> ReportOpens(Core& core, SessionId session,
                                               const std::vector<proto::OpenRecord>& opens);
[[nodiscard]] absl::Status EndSession(Core& core, SessionId session);
[[nodiscard]] absl::Status Tick(Core& core);

}  // namespace weft::metadata
