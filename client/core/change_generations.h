// The present generation of this mount's changes of chunks on each target; proto/storage.proto says
// what it is good for. Thread-safe.
#pragma once

#include <cstdint>
#include <map>

#include "common/ids.h"
#include "common/mutex.h"

namespace weft::client {

class ChangeGenerations {
 public:
  // For a request that is sent now.
  [[nodiscard]] uint64_t Of(TargetId target) const WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    const auto found = present_.find(target);
    return found != present_.end() ? found->second : kFirst;
  }

  // A change of that generation got no answer and may be carried out late. Call it before it is
  // repeated or its failure is known to anybody. Many of one generation end it only once.
  void End(TargetId target, uint64_t generation) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    uint64_t& present = present_.try_emplace(target, kFirst).first->second;
    if (present == generation) ++present;
  }

 private:
  static constexpr uint64_t kFirst = 1;

  mutable Mutex mutex_;
  std::map<TargetId, uint64_t> present_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
