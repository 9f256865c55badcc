// Exclusive locks of single inodes. An operation takes all locks that it needs at once, and they
// are taken in the order of ids, so that operations cannot wait for each other in a circle. A lock
// may be held for long; only those who want the same inode wait. Thread-safe.
#pragma once

#include <absl/container/inlined_vector.h>
#include <absl/container/node_hash_map.h>

#include <array>
#include <initializer_list>
#include <optional>

#include "common/ids.h"
#include "common/mutex.h"

namespace weft::metadata {

class InodeLocks {
 public:
  // Holds locks while it lives.
  class Guard {
   public:
    Guard(Guard&& other) noexcept : owner_(other.owner_), inodes_(std::move(other.inodes_)) {
      other.inodes_.clear();
    }
    Guard& operator=(Guard&&) = delete;
    ~Guard() { owner_->Unlock(inodes_); }

   private:
    friend class InodeLocks;
    using Ids = absl::InlinedVector<InodeId, 4>;
    Guard(InodeLocks* owner, Ids inodes) : owner_(owner), inodes_(std::move(inodes)) {}

    InodeLocks* owner_;
    Ids inodes_;  // sorted, each once
  };

  // Waits until it has them all. Ids that are none or named twice are fine. The caller holds no
  // lock.
  [[nodiscard]] Guard Lock(std::initializer_list<InodeId> inodes);
  // Nothing where the lock is held.
  [[nodiscard]] std::optional<Guard> TryLock(InodeId inode);

 private:
  struct Entry {
    bool is_held = false;
    int user_count = 0;  // the holder and those who wait
    CondVar released;
  };
  struct Shard {
    Mutex mutex;
    absl::node_hash_map<InodeId, Entry> entries WEFT_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 64;

  Shard& ShardOf(InodeId inode) { return shards_[inode.value() % kShards]; }
  void LockOne(InodeId inode);
  void Unlock(const Guard::Ids& inodes);

  std::array<Shard, kShards> shards_;
};

}  // namespace weft::metadata
