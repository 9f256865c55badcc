// Threads that wait for events and handle them, of which there are always enough: while all are
// busy the pool grows, up to a bound, and threads that have nothing to do for long leave again.
//
// The pool does not know what is waited for. Its threads run the given function, which brackets
// each wait with BeginWait and EndWait. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <thread>

#include "common/mutex.h"

namespace weft::wire {

class WorkerPool {
 public:
  // Starts `min_threads` threads that run `work`, which ends once it is told to stop in its own
  // way. At least 1 and at most `max_threads` run.
  WorkerPool(uint32_t min_threads, uint32_t max_threads, std::function<void()> work);
  // Join must have been called.
  ~WorkerPool() = default;

  // Called by a thread that begins to wait.
  void BeginWait() { waiting_.fetch_add(1); }
  // Called by a thread that has got something to do. Where nobody else waits, starts a thread.
  void EndWait();
  // Called instead of EndWait by a thread that has waited long for nothing. True: it must end now.
  // False: it is needed and goes on, as after EndWait.
  [[nodiscard]] bool EndWaitAndRetire();

  // Waits until all threads have ended; none is started any more. `work` must have been told.
  void Join() WEFT_EXCLUDES(mutex_);

  [[nodiscard]] uint32_t threads() const { return threads_.load(); }

 private:
  using Threads = std::list<std::thread>;

  void Grow() WEFT_EXCLUDES(mutex_);
  void StartThread() WEFT_REQUIRES(mutex_);
  // Joins those that have retired.
  void Reap() WEFT_REQUIRES(mutex_);

  const uint32_t min_threads_;
  const uint32_t max_threads_;
  const std::function<void()> work_;

  std::atomic<uint32_t> waiting_{0};
  std::atomic<uint32_t> threads_{0};

  Mutex mutex_;
  bool joining_ WEFT_GUARDED_BY(mutex_) = false;
  Threads running_ WEFT_GUARDED_BY(mutex_);
  Threads retired_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::wire
