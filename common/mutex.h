// A mutex and a condition variable that clang's -Wthread-safety understands.
//
// They are std::mutex and std::condition_variable underneath and not absl::Mutex: Debian's Abseil is
// built without ThreadSanitizer, which therefore cannot see what absl::Mutex orders, while it sees
// pthread mutexes in any library (docs/decisions/0002).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define WEFT_TSA_(x) __attribute__((x))
#else
#define WEFT_TSA_(x)
#endif
#define WEFT_CAPABILITY(x) WEFT_TSA_(capability(x))
#define WEFT_SCOPED_CAPABILITY WEFT_TSA_(scoped_lockable)
#define WEFT_GUARDED_BY(x) WEFT_TSA_(guarded_by(x))
#define WEFT_REQUIRES(...) WEFT_TSA_(requires_capability(__VA_ARGS__))
#define WEFT_EXCLUDES(...) WEFT_TSA_(locks_excluded(__VA_ARGS__))
#define WEFT_ACQUIRE(...) WEFT_TSA_(acquire_capability(__VA_ARGS__))
#define WEFT_RELEASE(...) WEFT_TSA_(release_capability(__VA_ARGS__))
#define WEFT_ASSERT_CAPABILITY(x) WEFT_TSA_(assert_capability(x))
#define WEFT_NO_THREAD_SAFETY_ANALYSIS WEFT_TSA_(no_thread_safety_analysis)

namespace weft {

class WEFT_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() WEFT_ACQUIRE() { mutex_.lock(); }
  void Unlock() WEFT_RELEASE() { mutex_.unlock(); }
  // Tells the analysis, in a lambda say, that the lock is held.
  void AssertHeld() const WEFT_ASSERT_CAPABILITY(this) {}

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a mutex while it lives. May be released before, once, and taken again.
class WEFT_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) WEFT_ACQUIRE(mutex) : mutex_(mutex), held_(true) {
    mutex_->Lock();
  }
  ~MutexLock() WEFT_RELEASE() {
    if (held_) mutex_->Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() WEFT_RELEASE() {
    held_ = false;
    mutex_->Unlock();
  }
  void Lock() WEFT_ACQUIRE() {
    mutex_->Lock();
    held_ = true;
  }

 private:
  Mutex* const mutex_;
  bool held_;
};

// Waits are under the named mutex, which the caller holds before and after.
class CondVar {
 public:
  void Wait(Mutex* mutex) WEFT_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False after `timeout` without a signal. Spurious wake-ups happen: loop over your condition.
  bool WaitFor(Mutex* mutex, std::chrono::nanoseconds timeout) WEFT_REQUIRES(mutex) {
    return WaitUntil(mutex, std::chrono::steady_clock::now() + timeout);
  }
  bool WaitUntil(Mutex* mutex, std::chrono::steady_clock::time_point deadline)
      WEFT_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(lock, deadline);
    lock.release();
    return status == std::cv_status::no_timeout;
  }
  void Signal() { condition_.notify_one(); }
  void SignalAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace weft
