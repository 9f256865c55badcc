// Tells clients that waits for locks are over (LOCK_GRANTED), as well as can be: who does not hear
// it asks again by itself.
//
// A few threads of its own, so that one client that does not answer holds up few others; one call
// to a client at a time. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

class LockNotifier {
 public:
  // Tells the client of a session, for a bounded time; may fail, and logs that.
  using Tell = std::function<void(SessionId session, const proto::LockGrantedRequest& request)>;

  LockNotifier() = default;
  ~LockNotifier() { Stop(); }

  // Once.
  void Start(Tell tell);
  // Waits for calls in progress. Idempotent.
  void Stop() WEFT_EXCLUDES(mutex_);
  // Does not block; before Start and after Stop it does nothing.
  void Add(SessionId session, uint64_t wait_id) WEFT_EXCLUDES(mutex_);

 private:
  static constexpr int kThreads = 4;

  void Run(const Tell& tell) WEFT_EXCLUDES(mutex_);
  // Takes a session that nobody is telling. False: stop.
  [[nodiscard]] bool Take(SessionId* session, std::vector<uint64_t>* wait_ids)
      WEFT_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar changed_;
  bool running_ WEFT_GUARDED_BY(mutex_) = false;
  // Bounded by the waits that there can be: each is granted once.
  absl::flat_hash_map<SessionId, std::vector<uint64_t>> granted_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_set<SessionId> in_progress_ WEFT_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace weft::metadata
