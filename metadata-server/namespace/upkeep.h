// What is done on nobody's request: ends of sessions, and finishing what was left over.
#pragma once

#include <absl/status/status.h>

#include "common/ids.h"
#include "metadata-server/namespace/core.h"

namespace weft::metadata {

// See Namespace::EndSession and Tick.
[[nodiscard]] absl::Status EndSession(Core& core, SessionId session);
[[nodiscard]] absl::Status Tick(Core& core);

}  // namespace weft::metadata
