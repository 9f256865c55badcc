// Numbers the intervals between syncs, and knows when the last row of one has been written.
//
// A row belongs to the epoch that was current when its write to the index began; its data is on
// disk, if not yet durable, by then. Advance ends the current epoch and waits for the index writes
// in it, not for anything else, so that what is synced afterwards holds all of the epoch.
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "common/mutex.h"

namespace weft::storage {

class EpochGate {
 public:
  explicit EpochGate(uint64_t first_epoch) : epoch_(first_epoch) {}

  // The epoch of a row to be written now. Leave(it) once it is in the index.
  [[nodiscard]] uint64_t Enter() {
    const MutexLock lock(&mutex_);
    ++entered_;
    ++inside_[epoch_ % inside_.size()];
    return epoch_;
  }

  void Leave(uint64_t epoch) {
    const MutexLock lock(&mutex_);
    if (--inside_[epoch % inside_.size()] == 0) empty_.SignalAll();
  }

  [[nodiscard]] uint64_t current() const {
    const MutexLock lock(&mutex_);
    return epoch_;
  }

  // True where no row belongs to the current epoch yet.
  [[nodiscard]] bool is_unused() const {
    const MutexLock lock(&mutex_);
    return entered_ == 0;
  }

  // Returns the epoch that ended. One call at a time, so that no more than two epochs have rows on
  // their way.
  uint64_t Advance() {
    MutexLock lock(&mutex_);
    const uint64_t ended = epoch_++;
    entered_ = 0;
    while (inside_[ended % inside_.size()] != 0) empty_.Wait(&mutex_);
    return ended;
  }

 private:
  mutable Mutex mutex_;
  CondVar empty_;
  uint64_t epoch_ WEFT_GUARDED_BY(mutex_);
  uint64_t entered_ WEFT_GUARDED_BY(mutex_) = 0;
  std::array<uint64_t, 2> inside_ WEFT_GUARDED_BY(mutex_) = {};
};

}  // namespace weft::storage
