#include "storage-server/chunks/block_allocator.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace weft::storage {
namespace {

constexpr uint32_t kBits = 64;

// The first block in [from, end) whose bit, XORed with `flip`, is set; `end` where there is none.
uint32_t Find(const std::vector<uint64_t>& bits, uint64_t flip, uint32_t from, uint32_t end) {
  while (from < end) {
    const uint64_t word = (bits[from / kBits] ^ flip) >> (from % kBits);
    if (word != 0) {
      return std::min<uint32_t>(end, from + static_cast<uint32_t>(std::countr_zero(word)));
    }
    from = (from / kBits + 1) * kBits;
  }
  return end;
}

uint32_t FindFree(const std::vector<uint64_t>& bits, uint32_t from, uint32_t end) {
  return Find(bits, ~uint64_t{0}, from, end);
}
uint32_t FindTaken(const std::vector<uint64_t>& bits, uint32_t from, uint32_t end) {
  return Find(bits, 0, from, end);
}

// Where `count` free blocks begin in [from, end); `end` where they do not.
uint32_t FindRun(const std::vector<uint64_t>& bits, uint32_t count, uint32_t from, uint32_t end) {
  while (from < end) {
    const uint32_t first = FindFree(bits, from, end);
    if (end - first < count) return end;
    const uint32_t stop = FindTaken(bits, first, first + count);
    if (stop == first + count) return first;
    from = stop;
  }
  return end;
}

}  // namespace

void BlockAllocator::AddSegment(uint32_t segment, uint32_t blocks) {
  const MutexLock lock(&mutex_);
  if (segments_.size() <= segment) segments_.resize(segment + 1);
  assert(segments_[segment].blocks == 0);
  segments_[segment] = {.blocks = blocks,
                        .free = blocks,
                        .cursor = 0,
                        .longest_free = blocks,
                        .taken = std::vector<uint64_t>((blocks + kBits - 1) / kBits)};
  free_ += blocks;
}

bool BlockAllocator::Take(const BlockRun& run) {
  const MutexLock lock(&mutex_);
  if (run.segment >= segments_.size()) return false;
  Segment& segment = segments_[run.segment];
  if (run.block > segment.blocks || run.count > segment.blocks - run.block) return false;
  const uint32_t end = run.block + run.count;
  if (FindTaken(segment.taken, run.block, end) != end) return false;
  Set(&segment, run.block, end, true);
  return true;
}

std::vector<BlockRun> BlockAllocator::AllocateRun(uint32_t count, Claim claim) {
  const MutexLock lock(&mutex_);
  if (!MayTake(count, claim)) return {};
  for (size_t i = 0; i < segments_.size(); ++i) {
    const size_t number = (current_ + i) % segments_.size();
    Segment& segment = segments_[number];
    if (segment.longest_free < count || segment.free < count) continue;
    uint32_t first = FindRun(segment.taken, count, segment.cursor, segment.blocks);
    if (first == segment.blocks) first = FindRun(segment.taken, count, 0, segment.blocks);
    if (first == segment.blocks) {
      segment.longest_free = count - 1;
      continue;
    }
    Set(&segment, first, first + count, true);
    segment.cursor = first + count;
    current_ = number;
    return {{static_cast<uint32_t>(number), first, count}};
  }
  return {};
}

std::vector<BlockRun> BlockAllocator::AllocateAny(uint32_t count, Claim claim) {
  const MutexLock lock(&mutex_);
  if (!MayTake(count, claim)) return {};
  std::vector<BlockRun> runs;
  for (size_t i = 0; i < segments_.size() && count > 0; ++i) {
    const size_t number = (current_ + i) % segments_.size();
    Segment& segment = segments_[number];
    uint32_t at = 0;
    while (count > 0 && segment.free > 0) {
      const uint32_t first = FindFree(segment.taken, at, segment.blocks);
      const uint32_t limit = first + std::min(count, segment.blocks - first);
      const uint32_t end = FindTaken(segment.taken, first, limit);
      Set(&segment, first, end, true);
      runs.push_back({static_cast<uint32_t>(number), first, end - first});
      count -= end - first;
      at = end;
    }
  }
  return runs;
}

void BlockAllocator::Free(std::span<const BlockRun> runs) {
  const MutexLock lock(&mutex_);
  for (const BlockRun& run : runs) {
    Segment& segment = segments_[run.segment];
    assert(FindFree(segment.taken, run.block, run.block + run.count) == run.block + run.count);
    Set(&segment, run.block, run.block + run.count, false);
    segment.longest_free = segment.blocks;  // unknown again
  }
}

uint64_t BlockAllocator::free_blocks() const {
  const MutexLock lock(&mutex_);
  return free_;
}

bool BlockAllocator::MayTake(uint32_t count, Claim claim) const {
  const uint64_t kept = claim == Claim::kOrdinary ? reserve_blocks_ : 0;
  return count > 0 && free_ >= kept && free_ - kept >= count;
}

void BlockAllocator::Set(Segment* segment, uint32_t first, uint32_t end, bool taken) {
  const uint32_t count = end - first;
  for (uint32_t at = first; at < end;) {
    const uint32_t bit = at % kBits;
    const uint32_t bits = std::min(kBits - bit, end - at);
    const uint64_t mask = (bits == kBits ? ~uint64_t{0} : (uint64_t{1} << bits) - 1) << bit;
    uint64_t& word = segment->taken[at / kBits];
    word = taken ? word | mask : word & ~mask;
    at += bits;
  }
  segment->free = taken ? segment->free - count : segment->free + count;
  free_ = taken ? free_ - count : free_ + count;
}

}  // namespace weft::storage
