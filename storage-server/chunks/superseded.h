// Blocks of versions that are no longer current but that a power loss may bring back.
//
// A version is given up once one that replaced it is durable: until then its blocks are held here.
// Only what happened since the store was opened is here, because opening makes everything durable.
// Thread-safe; changes of one chunk are called in their order.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <vector>

#include "common/mutex.h"
#include "storage-server/chunks/chunk_store.h"
#include "storage-server/chunks/extents.h"

namespace weft::storage {

// Of the versions of a chunk that one of `epoch` replaces, newest first: those that must be kept.
// One of the same epoch need not, since it becomes durable only together with its successor, and
// none older than the newest durable one. `Version` has a member epoch.
template <typename Version>
[[nodiscard]] std::vector<Version> NeededAfter(std::vector<Version> replaced, uint64_t epoch,
                                               uint64_t completed_epoch) {
  std::vector<Version> needed;
  for (Version& version : replaced) {
    if (version.epoch == epoch) continue;
    const bool durable = version.epoch <= completed_epoch;
    needed.push_back(std::move(version));
    if (durable) break;
  }
  return needed;
}

struct HeldVersion {
  uint64_t epoch = 0;
  std::vector<BlockRun> runs;
};

class SupersededBlocks {
 public:
  explicit SupersededBlocks(uint64_t completed_epoch) : completed_(completed_epoch) {}

  // `fresh` has replaced `old` in the index. Returns the blocks that are free now.
  [[nodiscard]] std::vector<BlockRun> Replace(ChunkId chunk, HeldVersion old, HeldVersion fresh);
  // `old` has been removed from the index in `epoch`.
  void Remove(ChunkId chunk, const HeldVersion& old, uint64_t epoch);
  // All that happened in `epoch` is durable. Returns the blocks that are free now.
  [[nodiscard]] std::vector<BlockRun> Complete(uint64_t epoch);

  // What is held, in chunks (removed ones count too).
  [[nodiscard]] size_t size() const;

 private:
  struct Entry {
    HeldVersion current;
    std::vector<HeldVersion> previous;  // newest first
  };

  mutable Mutex mutex_;
  uint64_t completed_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<ChunkId, Entry> chunks_ WEFT_GUARDED_BY(mutex_);
  std::vector<HeldVersion> removed_ WEFT_GUARDED_BY(mutex_);  // epoch: of the removal
};

}  // namespace weft::storage
