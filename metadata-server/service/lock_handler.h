// The wire's calls on locks of files ↔ the domain: parse, check the session, call, reply. Nothing
// else.
//
// Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cstdint>

#include "common/wire/server.h"
#include "metadata-server/sessions/session_locks.h"
#include "metadata-server/sessions/session_table.h"

namespace weft::metadata {

class LockHandler {
 public:
  // All pointers must outlive it. `server_start` goes into replies.
  LockHandler(uint64_t server_start, SessionLocks* locks, SessionTable* sessions)
      : server_start_(server_start), locks_(locks), sessions_(sessions) {}

  [[nodiscard]] static bool Handles(uint16_t method);
  // An error is not sent yet.
  [[nodiscard]] absl::Status Handle(const wire::Request& request, wire::Responder& responder);

 private:
  template <typename Request, typename Reply>
  absl::Status Change(absl::StatusOr<Reply> (SessionLocks::*method)(const Request&),
                      const wire::Request& request, wire::Responder& responder);
  absl::Status Get(const wire::Request& request, wire::Responder& responder);

  const uint64_t server_start_;
  SessionLocks* const locks_;
  SessionTable* const sessions_;
};

}  // namespace weft::metadata
