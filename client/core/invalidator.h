// Calls the mount's OnInvalidate callback, on a thread of its own: the kernel may hold what it asks
// for until a request that waits for us is answered. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"

namespace weft::client {

class Invalidator {
 public:
  Invalidator() : thread_([this] { Run(); }) {}
  ~Invalidator() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      wake_.Signal();
    }
    thread_.join();
  }
  Invalidator(const Invalidator&) = delete;
  Invalidator& operator=(const Invalidator&) = delete;

  void SetCallback(std::function<void(InodeId)> callback) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    callback_ = std::move(callback);
  }
  void Add(InodeId inode) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    if (!callback_) return;
    inodes_[inode];  // bounded by the open files: each is there once
    wake_.Signal();
  }
  // The same, with `before` called first and `then` once it is done, both without a lock; on the
  // calling thread where there is no callback. They are called in any case.
  struct Around {
    std::function<void()> before;
    std::function<void()> then;
  };
  void Add(InodeId inode, Around around) WEFT_EXCLUDES(mutex_) {
    {
      MutexLock lock(&mutex_);
      if (callback_ && !stopping_) {
        inodes_[inode].push_back(std::move(around));  // bounded by the calls that wait for it
        wake_.Signal();
        return;
      }
    }
    around.before();
    around.then();
  }
  // Some is asked for, or in progress.
  [[nodiscard]] bool IsBusy(InodeId inode) const WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    return inodes_.contains(inode) || in_progress_ == inode;
  }

 private:
  void Run() WEFT_EXCLUDES(mutex_) {
    for (;;) {
      InodeId inode;
      std::vector<Around> arounds;
      std::function<void(InodeId)> callback;
      {
        MutexLock lock(&mutex_);
        while (!stopping_ && inodes_.empty()) wake_.Wait(&mutex_);
        if (inodes_.empty()) return;
        inode = in_progress_ = inodes_.begin()->first;
        arounds = std::move(inodes_.begin()->second);
        inodes_.erase(inodes_.begin());
        if (!stopping_) callback = callback_;
      }
      for (const Around& around : arounds) around.before();
      if (callback) callback(inode);
      {
        MutexLock lock(&mutex_);
        in_progress_ = InodeId();
      }
      for (const Around& around : arounds) around.then();
    }
  }

  mutable Mutex mutex_;
  CondVar wake_;
  absl::flat_hash_map<InodeId, std::vector<Around>> inodes_ WEFT_GUARDED_BY(mutex_);
  InodeId in_progress_ WEFT_GUARDED_BY(mutex_);
  std::function<void(InodeId)> callback_ WEFT_GUARDED_BY(mutex_);
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: uses all the others
};

}  // namespace weft::client
