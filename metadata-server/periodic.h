// A thread that does something again and again. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "common/mutex.h"

namespace weft::metadata {

class Periodic {
 public:
  // Calls `work` for the first time after one interval, and then one interval after it returned.
  Periodic(std::chrono::milliseconds interval, std::function<void()> work)
      : interval_(interval), work_(std::move(work)), thread_([this] { Run(); }) {}
  // Waits for a call in progress.
  ~Periodic() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      stop_changed_.SignalAll();
    }
    thread_.join();
  }
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  void Run() {
    while (Pause()) work_();
  }
  [[nodiscard]] bool Pause() WEFT_EXCLUDES(mutex_) {
    const auto until = std::chrono::steady_clock::now() + interval_;
    MutexLock lock(&mutex_);
    while (!stopping_ && stop_changed_.WaitUntil(&mutex_, until)) {
    }
    return !stopping_;
  }

  const std::chrono::milliseconds interval_;
  const std::function<void()> work_;
  Mutex mutex_;
  CondVar stop_changed_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace weft::metadata
