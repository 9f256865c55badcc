// Lets callers that wait for a sync share one. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>

#include "common/mutex.h"

namespace weft::metadata {

class GroupSync {
 public:
  // `sync` makes durable what was written before it began. One call of it runs at a time.
  explicit GroupSync(std::function<absl::Status()> sync) : sync_(std::move(sync)) {}

  // Returns when a sync has ended that began after this call did: the caller's own, or one that
  // another caller makes. The first failure is the answer to all later calls.
  [[nodiscard]] absl::Status Run() WEFT_EXCLUDES(mutex_);

 private:
  const std::function<absl::Status()> sync_;

  Mutex mutex_;
  CondVar ended_;
  bool running_ WEFT_GUARDED_BY(mutex_) = false;
  uint64_t begun_count_ WEFT_GUARDED_BY(mutex_) = 0;
  uint64_t ended_count_ WEFT_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
