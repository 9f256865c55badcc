// Numbers of a session's mutations, and up to which all are answered. Thread-safe.
#pragma once

#include <cstdint>
#include <set>

#include "common/mutex.h"

namespace weft::client {

class SequenceTracker {
 public:
  struct Numbers {
    uint64_t sequence = 0;
    uint64_t acknowledged = 0;  // all up to this one are answered or given up
  };

  [[nodiscard]] Numbers Take() {
    MutexLock lock(&mutex_);
    const uint64_t sequence = ++last_;
    open_.insert(sequence);
    return {sequence, *open_.begin() - 1};
  }
  // `sequence` is answered, or will never be repeated.
  void Done(uint64_t sequence) {
    MutexLock lock(&mutex_);
    open_.erase(sequence);
  }

 private:
  Mutex mutex_;
  uint64_t last_ WEFT_GUARDED_BY(mutex_) = 0;
  std::set<uint64_t> open_ WEFT_GUARDED_BY(mutex_);  // bounded by the threads that call
};

}  // namespace weft::client
