// Who holds locks and who waits for them, as `weft locks` shows it. Thread-safe: a function.
#pragma once

#include "metadata-server/namespace/namespace.h"
#include "metadata-server/sessions/session_locks.h"
#include "metadata-server/sessions/session_table.h"
#include "proto/cluster.pb.h"

namespace weft::metadata {

inline constexpr uint32_t kMaxListedLocks = 10'000;

[[nodiscard]] proto::ListLocksReply ListLocks(const proto::ListLocksRequest& request,
                                              const SessionLocks& locks,
                                              const SessionTable& sessions, Namespace& names,
                                              const Clock& clock);

}  // namespace weft::metadata
