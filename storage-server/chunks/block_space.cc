#include "storage-server/chunks/block_space.h"

#include <algorithm>
#include <cerrno>

#include "common/limits.h"
#include "common/status.h"

namespace weft::storage {

BlockSpace::BlockSpace(std::unique_ptr<Segments> segments, Clock* clock)
    : segments_(std::move(segments)), allocator_(kReserveBlocks), quarantine_(clock) {
  for (const Segments::Info& segment : segments_->List()) {
    allocator_.AddSegment(segment.number, segment.blocks);
  }
}

absl::StatusOr<std::vector<BlockRun>> BlockSpace::Allocate(uint32_t count, Claim claim) {
  allocator_.Free(quarantine_.TakeDue());
  std::vector<BlockRun> runs = allocator_.AllocateRun(count, claim);
  if (!runs.empty()) return runs;

  const MutexLock lock(&grow_mutex_);
  for (bool grown = true; grown;) {  // at most Segments::kMaxSegments times
    runs = allocator_.AllocateRun(count, claim);
    if (runs.empty() && count > segments_->blocks_per_segment()) {
      runs = allocator_.AllocateAny(count, claim);
    }
    if (!runs.empty()) return runs;
    WEFT_ASSIGN_OR_RETURN(grown, Grow());
  }
  runs = allocator_.AllocateAny(count, claim);
  if (runs.empty()) {
    allocator_.Free(quarantine_.TakeAll());
    runs = allocator_.AllocateAny(count, claim);
  }
  if (runs.empty()) return PosixError(ENOSPC, "the target is full");
  return runs;
}

absl::StatusOr<bool> BlockSpace::Grow() {
  const absl::StatusOr<Segments::Info> segment = segments_->Grow();
  if (!segment.ok()) {
    if (ErrnoOf(segment.status()) == ENOSPC) return false;
    return segment.status();
  }
  allocator_.AddSegment(segment->number, segment->blocks);
  return true;
}

absl::Status BlockSpace::TakeAtOpen(const std::vector<BlockRun>& runs) {
  for (const BlockRun& run : runs) {
    if (allocator_.Take(run)) continue;
    return PosixError(EIO, "blocks " + std::to_string(run.block) + "+" + std::to_string(run.count) +
                               " of segment " + std::to_string(run.segment) +
                               " are missing or claimed by two chunks");
  }
  return absl::OkStatus();
}

Space BlockSpace::space() const {
  const uint64_t growable = segments_->GrowableBlocks();
  const uint64_t free = allocator_.free_blocks() + quarantine_.blocks() + growable;
  return {.capacity_bytes = (segments_->total_blocks() + growable) * kBlockBytes,
          .free_bytes = (free - std::min(free, kReserveBlocks)) * kBlockBytes};
}

}  // namespace weft::storage
