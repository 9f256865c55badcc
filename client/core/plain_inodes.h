// Inodes that were just told to the kernel and have no extended attributes and no ACLs.
//
// The kernel asks for the ACL of what it has just looked up, and for security.capability before
// writing and executing: most files have neither, and for these no question goes to the
// metadata-server. Knowledge is as old as the attributes that the kernel keeps. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"
#include "proto/types.pb.h"

namespace weft::client {

class PlainInodes {
 public:
  using Clock = std::chrono::steady_clock;

  // What the server said of an inode at `now`.
  void Note(const proto::Attr& attr, Clock::time_point now) WEFT_EXCLUDES(mutex_) {
    const InodeId inode(attr.inode_id());
    MutexLock lock(&mutex_);
    Slot& slot = SlotOf(inode);
    if (!attr.has_xattrs()) {
      slot = {inode, now + kKept};
    } else if (slot.inode == inode) {
      slot = {};
    }
  }
  void Forget(InodeId inode) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    Slot& slot = SlotOf(inode);
    if (slot.inode == inode) slot = {};
  }
  [[nodiscard]] bool Contains(InodeId inode, Clock::time_point now) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    const Slot& slot = SlotOf(inode);
    return slot.inode == inode && now < slot.until;
  }

  static constexpr std::chrono::milliseconds kKept{1'000};

 private:
  struct Slot {
    InodeId inode;
    Clock::time_point until;
  };
  static constexpr size_t kSlots = 8192;  // a newer inode takes the place of an older one

  Slot& SlotOf(InodeId inode) WEFT_REQUIRES(mutex_) { return slots_[inode.value() % kSlots]; }

  Mutex mutex_;
  std::vector<Slot> slots_ WEFT_GUARDED_BY(mutex_) = std::vector<Slot>(kSlots);
};

}  // namespace weft::client
