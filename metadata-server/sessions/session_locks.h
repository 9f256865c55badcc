// Locks of files as clients ask for them: FileLocks, with each request of a session executed once,
// and with what a restart of the server needs.
//
// Nothing of it is durable. After a restart the sessions of before say what they hold (Report).
// Until each of them has, or has ended, nobody gets a lock: ETIMEDOUT, and waits are queued. A
// session that stays silent ends with its TTL, so that this ends, too. It does not know which
// sessions there are; its callers check that. Thread-safe.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/sessions/file_locks.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

// Answers that a session has not acknowledged; EBUSY beyond.
inline constexpr size_t kMaxKeptLockAnswers = 65'536;

// `request.type` of a lock that is given up means nothing.
[[nodiscard]] LockRequest ToLockRequest(SessionId session, const proto::FileLock& lock);
[[nodiscard]] proto::FileLock ToProto(const LockRequest& lock);

class SessionLocks {
 public:
  struct Options {
    std::vector<SessionId> awaited;  // the sessions of before the start
    // A queued request was granted. Must not block or call back.
    std::function<void(SessionId session, uint64_t wait_id)> on_granted;
  };

  // `clock` must outlive it.
  SessionLocks(Options options, const Clock* clock);

  // Errors as proto/metadata.proto names them; EINVAL for a malformed lock, ESTALE for a request
  // whose answer the client has. server_start of a reply is left to the caller.
  [[nodiscard]] absl::StatusOr<proto::GetLockReply> Get(const proto::GetLockRequest& request) const
      WEFT_EXCLUDES(mutex_);
  [[nodiscard]] absl::StatusOr<proto::SetLockReply> Set(const proto::SetLockRequest& request)
      WEFT_EXCLUDES(mutex_);
  [[nodiscard]] absl::StatusOr<proto::CancelLockReply> Cancel(
      const proto::CancelLockRequest& request) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] absl::StatusOr<proto::ReleaseLocksReply> Release(
      const proto::ReleaseLocksRequest& request) WEFT_EXCLUDES(mutex_);

  // What the session held when this started; the first report counts, later ones are repetitions.
  // Returns what it could not get back.
  [[nodiscard]] std::vector<proto::FileLock> Report(SessionId session,
                                                    const proto::LockReport& report)
      WEFT_EXCLUDES(mutex_);
  // The session has ended: what it held goes to others. No request of it comes later.
  void EndSession(SessionId session) WEFT_EXCLUDES(mutex_);

  // Sessions that have not reported yet.
  [[nodiscard]] size_t awaited() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] std::pair<std::vector<FileLocks::Entry>, bool> List(InodeId inode,
                                                                    size_t max) const {
    return locks_.List(inode, max);
  }

 private:
  struct Answer {
    absl::Status status;
    bool flag = false;  // of a SetLockReply: queued; of a CancelLockReply: granted
  };
  struct Answers {
    absl::btree_map<uint64_t, Answer> kept;  // by sequence, all above `acknowledged`
    uint64_t acknowledged = 0;
  };

  // The answer to a repetition, or what `execute` gives. ETIMEDOUT is not kept: it is to be
  // repeated.
  template <typename Execute>
  absl::StatusOr<bool> Once(const proto::Mutation& mutation, Execute execute) WEFT_EXCLUDES(mutex_);
  absl::Status CheckReported(SessionId session) const WEFT_REQUIRES(mutex_);
  absl::StatusOr<bool> SetLocked(const LockRequest& lock, proto::LockType type, uint64_t wait_id)
      WEFT_REQUIRES(mutex_);
  void StopAwaiting(SessionId session) WEFT_REQUIRES(mutex_);

  const Clock* const clock_;
  FileLocks locks_;

  mutable Mutex mutex_;
  absl::flat_hash_set<SessionId> awaited_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<SessionId, Answers> answers_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
