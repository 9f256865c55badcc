// Sessions: which clients are there. A client that is silent for longer than the TTL loses its
// session.
//
// Kept in Family::kSession (key: id, big-endian; value: the OpenSessionRequest), so that sessions
// outlive a restart of the server, with a fresh TTL. Ids are never used twice. TTLs are monotonic
// time. An expired or closed session is refused from that moment on (ESHUTDOWN); what it held is
// released by its owner's `end` callback, which is called without locks and tried again by the next
// Expire where it fails. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/store/kv_store.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

struct SessionInfo {
  SessionId id;
  proto::OpenSessionRequest client;
  std::chrono::milliseconds idle{0};
};

class SessionTable {
 public:
  // Releases all that the session holds. `expired`: it did not close itself, and must be fenced
  // first.
  using End = std::function<absl::Status(SessionId session, bool expired)>;

  struct Options {
    std::chrono::milliseconds ttl{15'000};
    End end;
  };

  // Loads the sessions in `store`. `store` and `clock` must outlive the table.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SessionTable>> Load(Options options,
                                                                          KvStore* store,
                                                                          Clock* clock);

  // Durable when it returns. A client_uuid that has a session gets the same one: a repeated
  // request.
  [[nodiscard]] absl::StatusOr<SessionId> Open(const proto::OpenSessionRequest& client);

  // Shows that the client lives. ESHUTDOWN: unknown or expired.
  [[nodiscard]] absl::Status Touch(SessionId session);

  // Ends a session for its client. Unknown ones are fine: a repeated request.
  [[nodiscard]] absl::Status Close(SessionId session);

  // Ends the sessions whose TTL is over; call it several times per TTL. If it was not called for
  // long, this server itself stood still and could not hear its clients: all of them get a fresh
  // TTL.
  void Expire();

  [[nodiscard]] std::vector<SessionInfo> List() const;

 private:
  struct Session {
    proto::OpenSessionRequest client;
    Clock::TimePoint last_heard;
    bool ending = false;   // refused, its release is not finished
    bool expired = false;  // how it ended
  };

  SessionTable(Options options, KvStore* store, Clock* clock);
  [[nodiscard]] absl::Status Finish(SessionId session, bool expired) WEFT_EXCLUDES(mutex_);

  const Options options_;
  KvStore* const store_;
  Clock* const clock_;

  mutable Mutex mutex_;
  absl::flat_hash_map<SessionId, Session> sessions_ WEFT_GUARDED_BY(mutex_);
  uint64_t next_id_ WEFT_GUARDED_BY(mutex_) = 1;
  Clock::TimePoint last_expire_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
