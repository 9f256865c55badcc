// How many inodes there are. No change pays for it: a clean stop leaves the number in the store,
// and after anything else a thread counts the rows while the namespace is in use already.
// Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "common/mutex.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

class InodeCounter {
 public:
  // There must be an inode, and none may be made or removed until this returns.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<InodeCounter>> Load(KvStore* store);
  // A clean stop. No inode may be made or removed any more.
  ~InodeCounter();

  void Add(int64_t delta) { delta_ += delta; }
  // Too small while the rows are still being counted.
  [[nodiscard]] uint64_t count() const { return static_cast<uint64_t>(base_ + delta_); }

 private:
  explicit InodeCounter(KvStore* store) : store_(store) {}
  absl::Status TakeStored();
  void StartCounting();
  void CountRows();

  KvStore* const store_;
  std::thread counting_;
  std::atomic<int64_t> base_{0};   // at the start, as far as counted
  std::atomic<int64_t> delta_{0};  // since the start
  std::atomic<bool> is_exact_{false};
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  CondVar snapshot_taken_;
  bool has_snapshot_ WEFT_GUARDED_BY(mutex_) = false;
};

}  // namespace weft::metadata
