// Exclusion per chunk: one holder of a chunk at a time; holders of different chunks do not wait for
// each other. A thread holds one chunk, or several of one content that it took in rising order.
// Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/hash/hash.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/mutex.h"
#include "storage-server/chunks/chunk_store.h"

namespace weft::storage {

class ChunkLocks {
  struct Shard {
    Mutex mutex;
    CondVar released;
    absl::flat_hash_map<ChunkId, uint64_t> held WEFT_GUARDED_BY(mutex);  // number of the hold
    uint64_t holds WEFT_GUARDED_BY(mutex) = 0;                           // so far
  };

 public:
  // Holds `chunk` while it lives.
  class Hold {
   public:
    Hold(ChunkLocks* locks, ChunkId chunk)
        : shard_(&locks->shards_[absl::HashOf(chunk) % locks->shards_.size()]), chunk_(chunk) {
      const MutexLock lock(&shard_->mutex);
      while (!shard_->held.try_emplace(chunk_, shard_->holds).second) {
        shard_->released.Wait(&shard_->mutex);
      }
      ++shard_->holds;
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

  // Returns when nobody holds a chunk of `content` that was held when this was called. Who takes
  // one later has seen all that the caller did before.
  void AwaitHolders(ContentId content) {
    for (Shard& shard : shards_) {
      const MutexLock lock(&shard.mutex);
      const uint64_t before = shard.holds;
      const auto is_held = [&] {
        shard.mutex.AssertHeld();
        return std::any_of(shard.held.begin(), shard.held.end(), [&](const auto& entry) {
          return entry.first.content == content && entry.second < before;
        });
      };
      while (is_held()) shard.released.Wait(&shard.mutex);
    }
  }

 private:
  static constexpr size_t kShards = 64;  // only the short critical sections above share one
  std::array<Shard, kShards> shards_;
};

}  // namespace weft::storage
