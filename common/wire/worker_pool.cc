#include "common/wire/worker_pool.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace weft::wire {

WorkerPool::WorkerPool(uint32_t min_threads, uint32_t max_threads, std::function<void()> work)
    : min_threads_(std::max<uint32_t>(min_threads, 1)),
      max_threads_(std::max(max_threads, min_threads_)),
      work_(std::move(work)) {
  MutexLock lock(&mutex_);
  for (uint32_t i = 0; i < min_threads_; ++i) StartThread();
}

void WorkerPool::StartThread() {
  try {
    running_.emplace_back(work_);
    threads_.fetch_add(1);
  } catch (const std::system_error& error) {
    // Those that run go on; the next event tries again.
    spdlog::error("cannot start a worker thread: {}", error.what());
  }
}

void WorkerPool::EndWait() {
  if (waiting_.fetch_sub(1) == 1) Grow();
}

void WorkerPool::Grow() {
  if (threads_.load() >= max_threads_) return;
  MutexLock lock(&mutex_);
  Reap();
  if (!joining_ && waiting_.load() == 0 && running_.size() < max_threads_) StartThread();
}

bool WorkerPool::EndWaitAndRetire() {
  MutexLock lock(&mutex_);
  if (joining_ || running_.size() <= min_threads_) {
    waiting_.fetch_sub(1);
    return false;
  }
  // The last that waits stays: whoever takes the next event counts on somebody waiting after it.
  if (waiting_.fetch_sub(1) == 1) return false;
  const auto self = std::find_if(running_.begin(), running_.end(), [](const std::thread& thread) {
    return thread.get_id() == std::this_thread::get_id();
  });
  retired_.splice(retired_.end(), running_, self);
  threads_.fetch_sub(1);
  return true;
}

void WorkerPool::Reap() {
  for (std::thread& thread : retired_) thread.join();
  retired_.clear();
}

void WorkerPool::Join() {
  Threads all;
  {
    MutexLock lock(&mutex_);
    joining_ = true;
    all.splice(all.end(), running_);
    all.splice(all.end(), retired_);
  }
  for (std::thread& thread : all) thread.join();
}

}  // namespace weft::wire
