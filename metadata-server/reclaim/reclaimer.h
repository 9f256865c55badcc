// Content on the storage-servers, for the namespace: cuts, ends, and the deletion of what no inode
// has any more, in the background.
//
// Deletion survives restarts: Family::kReclaim lists what is to go. A row is acted on only once the
// store was synced past it (else a power loss could bring back a file whose chunks are gone), and
// it goes only once every target that can hold the content has answered, durably. Targets that are
// away are tried again. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "common/clock.h"
#include "common/mutex.h"
#include "metadata-server/namespace/namespace.h"
#include "metadata-server/reclaim/content_calls.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

class Reclaimer final : public ContentService {
 public:
  struct Options {
    std::chrono::milliseconds cut_wait{30'000};       // how long Truncate and End try
    std::chrono::milliseconds call_timeout{10'000};   // of one call
    std::chrono::milliseconds retry_interval{2'000};  // between tries at targets that are away
    std::function<GroupSet(PoolId)> newest_group_set;
  };

  // Starts the worker. `store` and `calls` must outlive it.
  Reclaimer(Options options, KvStore* store, ContentCalls* calls);
  // Waits for the call in progress; what is left stays in the store.
  ~Reclaimer() override;

  absl::Status Truncate(const proto::Content& content, uint64_t size_bytes) override;
  absl::StatusOr<uint64_t> End(const proto::Content& content) override;
  void WakeReclaim() override;
  GroupSet SetForNewContent(PoolId pool) override;

  // Contents that waited for deletion when the worker last looked, up to a bound.
  [[nodiscard]] uint64_t pending() const { return pending_; }

 private:
  void Run();
  // Deletes one bounded batch. True: call again at once; false: nothing is left, or targets are
  // away.
  bool DeleteBatch();
  bool WaitForWork(std::chrono::milliseconds at_most) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] bool stopping() WEFT_EXCLUDES(mutex_);

  const Options options_;
  KvStore* const store_;
  ContentCalls* const calls_;
  std::atomic<uint64_t> pending_{0};

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  bool work_ WEFT_GUARDED_BY(mutex_) = true;  // rows of an earlier run

  std::thread worker_;  // last: it uses all of the above
};

}  // namespace weft::metadata
