// Sessions: which clients are there. A client that is silent for longer than the TTL loses its
// session.
//
// Kept in Family::kSession (key: id, big-endian; value: the OpenSessionRequest), so that sessions
// outlive a restart of the server, with a fresh TTL. Ids are never used twice, not even after power
// loss. TTLs are monotonic time. An expired or closed session is refused from that moment on
// (ESHUTDOWN); what it held is released by its owner's `end` callback, which is called without
// locks, once no request of the session is in progress any more, and again later where it fails.
// Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/store/kv_store.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

inline constexpr size_t kMaxSessions = 65536;

struct SessionInfo {
  SessionId id;
  proto::OpenSessionRequest client;
  std::chrono::milliseconds idle{0};
};

class SessionTable {
 public:
  // Releases all that the session holds; may block. `expired`: it did not close itself, and must be
  // fenced first.
  using End = std::function<absl::Status(SessionId session, bool expired)>;

  struct Options {
    std::chrono::milliseconds ttl{15'000};
    End end;
    // Sessions that were fenced in an earlier run, maybe without being ended: refused at once.
    std::vector<SessionId> fenced;
  };

  // A request of the session in progress: it neither expires nor ends while this lives. The table
  // must outlive it.
  class Use {
   public:
    Use(Use&& other) noexcept : table_(std::exchange(other.table_, nullptr)), id_(other.id_) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
      if (table_ != nullptr) table_->Release(id_);
    }

   private:
    friend class SessionTable;
    Use(SessionTable* table, SessionId id) : table_(table), id_(id) {}
    SessionTable* table_;
    SessionId id_;
  };

  // Loads the sessions in `store`. `store` and `clock` must outlive the table.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SessionTable>> Load(Options options,
                                                                          KvStore* store,
                                                                          const Clock* clock);

  // Durable when it returns. A client_uuid that has a session gets the same one: a repeated
  // request. EUSERS: there are kMaxSessions.
  [[nodiscard]] absl::StatusOr<SessionId> Open(const proto::OpenSessionRequest& client);

  // Begins a request of the session, which also shows that the client lives. ESHUTDOWN: unknown,
  // closed or expired.
  [[nodiscard]] absl::StatusOr<Use> Begin(SessionId session);

  // Did the session say at its start that it changes nothing? False for unknown ones.
  [[nodiscard]] bool IsReadOnly(SessionId session) const;

  // Ends a session for its client. Unknown ones are fine: a repeated request.
  void Close(SessionId session);

  // Refuses the sessions whose TTL is over from now on. Does not block; call it several times per
  // TTL, from a thread that nothing holds up: if it was not called for long, this process itself
  // stood still and could not hear its clients, and all of them get a fresh TTL.
  void MarkExpired();
  // Ends the refused sessions. Blocks as long as `end` does.
  void EndRefused();

  // Those that are not refused, by id.
  [[nodiscard]] std::vector<SessionInfo> List() const;
  // All of them by id, with those that are refused and whose `end` is still to come.
  [[nodiscard]] std::vector<SessionId> AllIds() const;
  // Empty: there is no such session, or it is refused.
  [[nodiscard]] std::string ClientUuidOf(SessionId session) const;

 private:
  struct Session {
    proto::OpenSessionRequest client;
    Clock::TimePoint last_heard;
    uint32_t in_use = 0;             // requests in progress
    bool is_refused = false;         // closed or expired; what it held is still to be released
    bool is_expired = false;         // how it ended
    bool is_ending = false;          // a thread is in `end` for it
    bool has_failed_to_end = false;  // was logged
  };

  SessionTable(Options options, KvStore* store, const Clock* clock);
  void Release(SessionId session) WEFT_EXCLUDES(mutex_);
  // Ends one session, if it is refused and not in use.
  void TryEnd(SessionId session) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] absl::Status EndAndForget(SessionId session, bool is_expired);

  const Options options_;
  KvStore* const store_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  absl::flat_hash_map<SessionId, Session> sessions_ WEFT_GUARDED_BY(mutex_);
  uint64_t next_id_ WEFT_GUARDED_BY(mutex_) = 1;
  Clock::TimePoint last_mark_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
