// One switch for all that a simulated machine has: its disk and its index go dead at the same
// moment.
//
// Each use of them is one call of On. Arm makes the switch go off after a number of further calls,
// which is how tests cut an operation in the middle. What was opened before it went off stays dead
// for ever; TurnOn makes way for new handles. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "common/mutex.h"

namespace weft::storage {

class PowerSwitch {
 public:
  // Handles are bound to the cycle they were opened in.
  [[nodiscard]] uint64_t cycle() const {
    const MutexLock lock(&mutex_);
    return cycle_;
  }

  // Whether a call by a handle of that cycle still works.
  [[nodiscard]] bool On(uint64_t cycle) {
    const MutexLock lock(&mutex_);
    if (calls_left_ && (*calls_left_)-- == 0) {
      off_ = true;
      calls_left_.reset();
    }
    return !off_ && cycle == cycle_;
  }

  void Arm(uint64_t calls) {
    const MutexLock lock(&mutex_);
    calls_left_ = calls;
  }
  void Disarm() {
    const MutexLock lock(&mutex_);
    calls_left_.reset();
  }
  void TurnOff() {
    const MutexLock lock(&mutex_);
    off_ = true;
  }
  void TurnOn() {
    const MutexLock lock(&mutex_);
    ++cycle_;
    off_ = false;
    calls_left_.reset();
  }
  [[nodiscard]] bool is_off() const {
    const MutexLock lock(&mutex_);
    return off_;
  }

 private:
  mutable Mutex mutex_;
  uint64_t cycle_ WEFT_GUARDED_BY(mutex_) = 0;
  bool off_ WEFT_GUARDED_BY(mutex_) = false;
  std::optional<uint64_t> calls_left_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::storage
