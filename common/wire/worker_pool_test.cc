#include "common/wire/worker_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

// Tasks that block until they are released, handed to the workers of a pool.
class Tasks {
 public:
  // For the pool: waits for tasks, and leaves after an idle wait where the pool lets it.
  void Work(WorkerPool& pool) {
    for (;;) {
      pool.BeginWait();
      switch (Wait()) {
        case Got::kTask:
          pool.EndWait();
          Block();
          break;
        case Got::kNothing:
          if (pool.EndWaitAndRetire()) return;
          break;
        case Got::kStop:
          pool.EndWait();
          return;
      }
    }
  }

  void Add() {
    MutexLock lock(&mutex_);
    ++tasks_;
    changed_.SignalAll();
  }
  void Release() {
    MutexLock lock(&mutex_);
    released_ = true;
    changed_.SignalAll();
  }
  void Stop() {
    MutexLock lock(&mutex_);
    stop_ = true;
    changed_.SignalAll();
  }
  [[nodiscard]] bool WaitForBlocked(int count) {
    const Deadline deadline = After(kLong);
    MutexLock lock(&mutex_);
    while (blocked_ != count) {
      if (!changed_.WaitUntil(&mutex_, deadline) && blocked_ != count) return false;
    }
    return true;
  }
  [[nodiscard]] int done() {
    MutexLock lock(&mutex_);
    return done_;
  }

 private:
  enum class Got { kTask, kNothing, kStop };

  Got Wait() {
    const Deadline deadline = After(std::chrono::milliseconds(5));
    MutexLock lock(&mutex_);
    for (;;) {
      if (tasks_ > 0) {
        --tasks_;
        return Got::kTask;
      }
      if (stop_) return Got::kStop;
      if (!changed_.WaitUntil(&mutex_, deadline) && tasks_ == 0 && !stop_) return Got::kNothing;
    }
  }
  void Block() {
    MutexLock lock(&mutex_);
    ++blocked_;
    changed_.SignalAll();
    while (!released_) changed_.Wait(&mutex_);
    --blocked_;
    ++done_;
    changed_.SignalAll();
  }

  Mutex mutex_;
  CondVar changed_;
  int tasks_ WEFT_GUARDED_BY(mutex_) = 0;
  int blocked_ WEFT_GUARDED_BY(mutex_) = 0;
  int done_ WEFT_GUARDED_BY(mutex_) = 0;
  bool released_ WEFT_GUARDED_BY(mutex_) = false;
  bool stop_ WEFT_GUARDED_BY(mutex_) = false;
};

// A pool whose workers know it; made before they run.
struct PoolOfTasks {
  PoolOfTasks(uint32_t min_threads, uint32_t max_threads)
      : pool(min_threads, max_threads, [this] { tasks.Work(pool); }) {}

  Tasks tasks;
  WorkerPool pool;
};

TEST(WorkerPoolTest, GrowsWhileAllAreBusyUpToItsBound) {
  PoolOfTasks p(1, 6);
  for (int i = 0; i < 8; ++i) p.tasks.Add();
  EXPECT_TRUE(p.tasks.WaitForBlocked(6));
  EXPECT_EQ(p.pool.threads(), 6U);
  p.tasks.Release();
  EXPECT_TRUE(p.tasks.WaitForBlocked(0));
  p.tasks.Stop();
  p.pool.Join();
}

TEST(WorkerPoolTest, ShrinksAndServesOn) {
  PoolOfTasks p(2, 16);
  for (int i = 0; i < 12; ++i) p.tasks.Add();
  EXPECT_TRUE(p.tasks.WaitForBlocked(12));
  p.tasks.Release();
  const Deadline deadline = After(kLong);
  while (p.pool.threads() > 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(p.pool.threads(), 2U);
  for (int i = 0; i < 100; ++i) p.tasks.Add();
  p.tasks.Stop();
  p.pool.Join();
  EXPECT_EQ(p.tasks.done(), 112);
}

}  // namespace
}  // namespace weft::wire
