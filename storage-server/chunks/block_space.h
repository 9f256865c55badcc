// Gives out blocks and takes them back: the segments' free blocks, the quarantine, and new segments
// where these are not enough. Thread-safe; reads and writes of blocks go to segments() directly.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "storage-server/chunks/block_allocator.h"
#include "storage-server/chunks/chunk_store.h"
#include "storage-server/chunks/quarantine.h"
#include "storage-server/chunks/segments.h"

namespace weft::storage {

class BlockSpace {
 public:
  // Kept for punching and cutting, each of which takes up to two blocks until the next sync.
  static constexpr uint64_t kReserveBlocks = 64;

  BlockSpace(std::unique_ptr<Segments> segments, Clock* clock);

  // `count` blocks, in one run where that can be. ENOSPC: nothing is taken.
  [[nodiscard]] absl::StatusOr<std::vector<BlockRun>> Allocate(uint32_t count, Claim claim);

  // At open. EIO: a block is claimed twice or does not exist.
  [[nodiscard]] absl::Status TakeAtOpen(const std::vector<BlockRun>& runs);

  // Gives back blocks that no reader ever saw; they can be used at once.
  void FreeUnused(const std::vector<BlockRun>& runs) { allocator_.Free(runs); }
  // Gives back blocks that were part of a chunk.
  void Free(std::vector<BlockRun> runs) { quarantine_.Add(std::move(runs)); }

  [[nodiscard]] Space space() const;
  [[nodiscard]] Segments& segments() { return *segments_; }
  [[nodiscard]] const Segments& segments() const { return *segments_; }
  [[nodiscard]] Quarantine& quarantine() { return quarantine_; }

 private:
  // False where the disk or the capacity has no room for another segment.
  [[nodiscard]] absl::StatusOr<bool> Grow() WEFT_REQUIRES(grow_mutex_);

  const std::unique_ptr<Segments> segments_;
  BlockAllocator allocator_;
  Quarantine quarantine_;
  Mutex grow_mutex_;  // held while a segment is made, so that one is made at a time
};

}  // namespace weft::storage
