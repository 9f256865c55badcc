// Exclusion per chunk: one holder of a chunk at a time; holders of different chunks do not wait for
// each other. A thread holds at most one. Thread-safe.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <array>

#include "common/mutex.h"
#include "storage-server/chunks/chunk_store.h"

namespace weft::storage {

class ChunkLocks {
  struct Shard {
    Mutex mutex;
    CondVar released;
    absl::flat_hash_set<ChunkId> held WEFT_GUARDED_BY(mutex);
  };

 public:
  // Holds `chunk` while it lives.
  class Hold {
   public:
    Hold(ChunkLocks* locks, ChunkId chunk)
        : shard_(&locks->shards_[absl::HashOf(chunk) % locks->shards_.size()]), chunk_(chunk) {
      const MutexLock lock(&shard_->mutex);
      while (!shard_->held.insert(chunk_).second) shard_->released.Wait(&shard_->mutex);
    }
    ~Hold() {
      const MutexLock lock(&shard_->mutex);
      shard_->held.erase(chunk_);
      shard_->released.SignalAll();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Shard* const shard_;
    const ChunkId chunk_;
  };

 private:
  static constexpr size_t kShards = 64;  // only the short critical sections above share one
  std::array<Shard, kShards> shards_;
};

}  // namespace weft::storage
