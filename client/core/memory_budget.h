// A bound on memory that many share: bytes are taken and released; who finds none left may wait for
// the next release. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/mutex.h"

namespace weft::client {

class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit_bytes) : limit_(limit_bytes) {}

  // Takes `bytes` if they fit. The first taker always succeeds, so that a bound smaller than one
  // buffer slows down and does not stop.
  [[nodiscard]] bool TryTake(uint64_t bytes) {
    MutexLock lock(&mutex_);
    if (used_ != 0 && used_ + bytes > limit_) return false;
    used_ += bytes;
    return true;
  }
  // Takes beyond the limit: for the few that must not wait.
  void TakeAnyway(uint64_t bytes) {
    MutexLock lock(&mutex_);
    used_ += bytes;
  }
  void Release(uint64_t bytes) {
    MutexLock lock(&mutex_);
    used_ -= bytes;
    ++releases_;
    if (waiters_ > 0) released_.SignalAll();
  }
  // Rises with every Release.
  [[nodiscard]] uint64_t releases() const {
    MutexLock lock(&mutex_);
    return releases_;
  }
  // One who found nothing left, while it lives: others then keep nothing that they could release.
  class Waiter {
   public:
    explicit Waiter(MemoryBudget* budget) : budget_(budget) {
      MutexLock lock(&budget_->mutex_);
      ++budget_->waiters_;
    }
    ~Waiter() {
      MutexLock lock(&budget_->mutex_);
      --budget_->waiters_;
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    // Waits for a release after the one numbered `seen`.
    void WaitForRelease(uint64_t seen, std::chrono::milliseconds timeout) {
      const auto deadline = std::chrono::steady_clock::now() + timeout;
      MutexLock lock(&budget_->mutex_);
      while (budget_->releases_ == seen &&
             budget_->released_.WaitUntil(&budget_->mutex_, deadline)) {
      }
    }

   private:
    MemoryBudget* const budget_;
  };
  [[nodiscard]] bool has_waiters() const {
    MutexLock lock(&mutex_);
    return waiters_ > 0;
  }
  [[nodiscard]] uint64_t used_bytes() const {
    MutexLock lock(&mutex_);
    return used_;
  }

 private:
  const uint64_t limit_;
  mutable Mutex mutex_;
  CondVar released_;
  uint64_t used_ WEFT_GUARDED_BY(mutex_) = 0;
  uint64_t releases_ WEFT_GUARDED_BY(mutex_) = 0;
  uint32_t waiters_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::client
