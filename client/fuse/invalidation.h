// Tells the kernel that what it cached of an inode is stale. Thread-safe.
#pragma once

#include "client/fuse/libfuse.h"
#include "common/ids.h"
#include "common/mutex.h"

namespace weft::fuse {

class Invalidation {
 public:
  explicit Invalidation(fuse_session* session) : session_(session) {}

  // Drops the inode's pages and attributes from the kernel's caches. May wait for requests of this
  // mount that are in flight, so it is not to be called while serving one.
  void Invalidate(InodeId inode) WEFT_EXCLUDES(mutex_);

  // The session ends: later calls do nothing. Waits for one in progress.
  void Close() WEFT_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  fuse_session* session_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::fuse
