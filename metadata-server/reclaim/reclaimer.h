// Content on the storage-servers, for the namespace: cuts, ends, and the deletion of what no inode
// has any more, in the background.
//
// Deletion survives restarts: Family::kReclaim lists what is to go (see RemovalRound). Targets that
// are away are tried again, more and more rarely, and whenever WakeReclaim is called. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "common/mutex.h"
#include "metadata-server/namespace/namespace.h"
#include "metadata-server/reclaim/content_calls.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

class Reclaimer final : public ContentService {
 public:
  struct Options {
    std::chrono::milliseconds cut_wait{30'000};     // how long a patient Truncate or End tries
    std::chrono::milliseconds call_timeout{5'000};  // of one call
    // Between passes while targets are away, doubling.
    std::chrono::milliseconds first_pause{1'000};
    std::chrono::milliseconds most_pause{60'000};
    std::function<GroupSet(PoolId)> newest_group_set;
  };
  // CountPending counts no further.
  static constexpr uint64_t kMostCounted = 1'000'000;

  // Starts the worker. `store` and `calls` must outlive it.
  Reclaimer(Options options, KvStore* store, ContentCalls* calls);
  ~Reclaimer() override;

  absl::Status Truncate(const proto::Content& content, uint64_t size_bytes,
                        Patience patience) override;
  absl::StatusOr<StoredContent> End(const proto::Content& content, Patience patience) override;
  void WakeReclaim() override;
  GroupSet SetForNewContent(PoolId pool) override;

  // Contents that wait for deletion. Reads the rows: for people, not for a hot path.
  [[nodiscard]] uint64_t CountPending() const;

  // Ends the worker; what is left stays in the store. From now on Truncate and End try only once.
  // Waits for calls in progress. Idempotent.
  void Stop();

 private:
  // Makes `call`, and makes it again while it may be answered better later.
  template <typename Call>
  auto TryCall(const proto::Content& content, Patience patience, Call call) -> decltype(call());
  void Run();
  // Waits until there is work, but `at_least` and `at_most` for so long. False: stop.
  [[nodiscard]] bool WaitForWork(std::chrono::milliseconds at_least,
                                 std::chrono::milliseconds at_most) WEFT_EXCLUDES(mutex_);

  const Options options_;
  KvStore* const store_;
  ContentCalls* const calls_;
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  CondVar wake_;
  bool has_work_ WEFT_GUARDED_BY(mutex_) = true;  // rows of an earlier run

  std::thread worker_;  // last: it uses all of the above
};

}  // namespace weft::metadata
