// Lets many in at once, or one alone, for as long as an operation takes, network included. One who
// wants to be alone goes before those who come later. Thread-safe; not recursive.
#pragma once

#include <cstdint>

#include "common/mutex.h"

namespace weft::client {

class Gate {
 public:
  enum class Mode { kShared, kAlone };

  // Is inside while it lives.
  class Pass {
   public:
    Pass(Gate* gate, Mode mode) : gate_(gate), mode_(mode) { gate_->Enter(mode_); }
    ~Pass() { gate_->Leave(mode_); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    Gate* const gate_;
    const Mode mode_;
  };

 private:
  void Enter(Mode mode) {
    MutexLock lock(&mutex_);
    if (mode == Mode::kShared) {
      while (alone_ || waiting_alone_ > 0) left_.Wait(&mutex_);
      ++inside_;
      return;
    }
    ++waiting_alone_;
    while (alone_ || inside_ > 0) left_.Wait(&mutex_);
    --waiting_alone_;
    alone_ = true;
  }
  void Leave(Mode mode) {
    MutexLock lock(&mutex_);
    if (mode == Mode::kShared) {
      if (--inside_ == 0) left_.SignalAll();
    } else {
      alone_ = false;
      left_.SignalAll();
    }
  }

  Mutex mutex_;
  CondVar left_;
  uint32_t inside_ WEFT_GUARDED_BY(mutex_) = 0;
  uint32_t waiting_alone_ WEFT_GUARDED_BY(mutex_) = 0;
  bool alone_ WEFT_GUARDED_BY(mutex_) = false;
};

}  // namespace weft::client
