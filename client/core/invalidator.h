// Calls the mount's OnInvalidate callback, on a thread of its own: the kernel may hold what it asks
// for until a request that waits for us is answered. Thread-safe.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <functional>
#include <thread>
#include <utility>

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
    inodes_.insert(inode);  // bounded by the open files: each is in the set once
    wake_.Signal();
  }

 private:
  void Run() WEFT_EXCLUDES(mutex_) {
    for (;;) {
      absl::flat_hash_set<InodeId> inodes;
      std::function<void(InodeId)> callback;
      {
        MutexLock lock(&mutex_);
        while (!stopping_ && inodes_.empty()) wake_.Wait(&mutex_);
        if (stopping_) return;
        inodes.swap(inodes_);
        callback = callback_;
      }
      for (const InodeId inode : inodes) callback(inode);
    }
  }

  Mutex mutex_;
  CondVar wake_;
  absl::flat_hash_set<InodeId> inodes_ WEFT_GUARDED_BY(mutex_);
  std::function<void(InodeId)> callback_ WEFT_GUARDED_BY(mutex_);
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: uses all the others
};

}  // namespace weft::client
