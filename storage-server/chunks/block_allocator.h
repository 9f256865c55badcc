// Which blocks of the segments are free: one bit each, 32 KiB of memory per GiB.
//
// Nothing here is on disk: at open all blocks are free, and the index's rows claim theirs.
// Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/mutex.h"
#include "storage-server/chunks/extents.h"

namespace weft::storage {

enum class Claim {
  kOrdinary,
  kReserve  // may take the last blocks: for what gives space back in the end
};

class BlockAllocator {
 public:
  explicit BlockAllocator(uint64_t reserve_blocks) : reserve_blocks_(reserve_blocks) {}

  // Adds a segment of free blocks. Segments are numbered from 0; a number may be skipped.
  void AddSegment(uint32_t segment, uint32_t blocks);

  // False, and nothing changes, where a block of `run` is taken or not there.
  [[nodiscard]] bool Take(const BlockRun& run);

  // One run of `count` blocks, next-fit; empty where there is none.
  [[nodiscard]] std::vector<BlockRun> AllocateRun(uint32_t count, Claim claim);
  // `count` blocks in as many runs as it takes; empty where there are not enough.
  [[nodiscard]] std::vector<BlockRun> AllocateAny(uint32_t count, Claim claim);

  // The blocks are taken.
  void Free(std::span<const BlockRun> runs);

  [[nodiscard]] uint64_t free_blocks() const;

 private:
  struct Segment {
    uint32_t blocks = 0;
    uint32_t free = 0;
    uint32_t cursor = 0;        // where the search starts
    uint32_t longest_free = 0;  // no free run is longer
    std::vector<uint64_t> taken;
  };

  [[nodiscard]] bool MayTake(uint32_t count, Claim claim) const WEFT_REQUIRES(mutex_);
  void Set(Segment* segment, uint32_t first, uint32_t end, bool taken) WEFT_REQUIRES(mutex_);

  const uint64_t reserve_blocks_;

  mutable Mutex mutex_;
  std::vector<Segment> segments_ WEFT_GUARDED_BY(mutex_);
  size_t current_ WEFT_GUARDED_BY(mutex_) = 0;  // the segment that the search starts with
  uint64_t free_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::storage
