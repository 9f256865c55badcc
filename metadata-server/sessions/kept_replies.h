// Replies to mutations, kept so that a repeated (session, sequence) gets the first answer and is
// never executed again.
//
// A successful mutation's reply is a row of Family::kReply in the batch of the mutation itself;
// errors, and replies of what changes nothing in the store, are kept in memory only. They go once
// the client says that it has them (Mutation.acknowledged) or with the session. It does not know
// what a reply says. Thread-safe.
//
// Row: key session id, sequence (both big-endian 64 bits); value one byte method, then the reply.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// A session that has so many replies outstanding gets EBUSY: bounds memory and rows.
inline constexpr size_t kMaxKeptRepliesPerSession = 1 << 18;

// What names one execution.
struct RequestId {
  SessionId session;
  uint64_t sequence = 0;      // from 1
  uint64_t acknowledged = 0;  // replies up to this sequence are not asked for any more
  uint8_t method = 0;
};

class KeptReplies {
  struct Session;

 public:
  // The right to execute one request. While it lives, others that repeat the request wait. It ends
  // by Keep or KeepError, or else, when it goes, so that the next repetition executes.
  class Execution {
   public:
    Execution(Execution&& other) noexcept = default;
    Execution& operator=(Execution&&) = delete;
    ~Execution();

    // Adds to the mutation's batch the row of its reply, and the removal of acknowledged rows.
    // Once, and before Keep.
    void AddTo(Batch* batch, std::string_view reply);
    // The answer from now on. Call it after the commit of AddTo's batch, or without AddTo where
    // the reply need not outlive this process.
    void Keep(std::string reply);
    void KeepError(absl::Status error);

   private:
    friend class KeptReplies;
    Execution(KeptReplies* owner, std::shared_ptr<Session> session, const RequestId& request)
        : owner_(owner), session_(std::move(session)), request_(request) {}

    KeptReplies* owner_;
    std::shared_ptr<Session> session_;  // none: moved from or ended
    RequestId request_;
    bool is_stored_ = false;
  };

  struct Replay {
    std::string reply;
    bool is_from_earlier_run = false;  // the request was executed before this process started
  };
  // Either may be there, never both.
  struct Start {
    std::optional<Execution> execution;
    std::optional<Replay> replay;
  };

  // Reads the rows of `store`, which must outlive this.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<KeptReplies>> Load(KvStore* store);

  // Waits while the same request is being executed. The kept error, where the first execution
  // failed; EINVAL for sequence or session 0 and for a sequence that is used with another method;
  // ESTALE for a sequence that is acknowledged already; EBUSY for too many outstanding ones.
  [[nodiscard]] absl::StatusOr<Start> Begin(const RequestId& request);

  // True once for a replay that is_from_earlier_run: what the request did in the memory of that
  // process is to be done in this one.
  [[nodiscard]] bool TakeEarlierRun(const RequestId& request);

  // Forgets a session, in memory and in the store. No request of it may be executing or come later.
  [[nodiscard]] absl::Status Drop(SessionId session);

 private:
  enum class State : uint8_t { kExecuting, kDone };
  struct Entry {
    State state = State::kExecuting;
    uint8_t method = 0;
    bool is_stored = false;
    bool is_from_earlier_run = false;
    absl::Status error;
    std::string reply;
  };
  struct Session {
    absl::btree_map<uint64_t, Entry> entries;  // by sequence
    uint64_t acknowledged = 0;
    std::vector<uint64_t> stored_and_acknowledged;  // rows that the next batch deletes
    CondVar ended;
  };

  explicit KeptReplies(KvStore* store) : store_(store) {}
  absl::StatusOr<Start> StartLocked(const std::shared_ptr<Session>& session,
                                    const RequestId& request) WEFT_REQUIRES(mutex_);
  void Acknowledge(Session* session, uint64_t acknowledged) WEFT_REQUIRES(mutex_);
  void End(Session* session, uint64_t sequence, Entry entry) WEFT_EXCLUDES(mutex_);

  KvStore* const store_;

  Mutex mutex_;  // also guards what is in the sessions
  absl::flat_hash_map<SessionId, std::shared_ptr<Session>> sessions_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
