// Where the blocks of a chunk lie: pure functions on lists of extents. Everything counts in blocks
// of kBlockBytes. Thread-safe: no state.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

namespace weft::storage {

// Blocks that lie side by side in one segment. Never empty.
struct BlockRun {
  uint32_t segment = 0;
  uint32_t block = 0;  // in the segment
  uint32_t count = 0;
  friend auto operator<=>(const BlockRun&, const BlockRun&) = default;
};

// Blocks [chunk_block, chunk_block + run.count) of a chunk lie in `run`.
struct Extent {
  uint32_t chunk_block = 0;
  BlockRun run;
  [[nodiscard]] uint32_t end() const { return chunk_block + run.count; }
  friend auto operator<=>(const Extent&, const Extent&) = default;
};

// In ascending order of chunk_block, not overlapping; what lies between two is a hole. Neighbours
// that are also neighbours in their segment are one extent.
using ExtentList = std::vector<Extent>;

// Gives blocks of a chunk, from `first_block` on, the places in `runs`, in that order.
[[nodiscard]] ExtentList ExtentsAt(uint32_t first_block, std::span<const BlockRun> runs);

// `list` with blocks [first, end) turned into a hole.
[[nodiscard]] ExtentList WithHole(const ExtentList& list, uint32_t first, uint32_t end);

// `list` with what `fresh` maps taken from there.
[[nodiscard]] ExtentList Replaced(const ExtentList& list, const ExtentList& fresh);

// What `list` maps of [first, end).
[[nodiscard]] ExtentList Slice(const ExtentList& list, uint32_t first, uint32_t end);

// Number of blocks that have a place.
[[nodiscard]] uint32_t StoredBlocks(const ExtentList& list);

// Number of maximal ranges of the chunk without a hole in between: the fewest extents that a list
// with these holes can have.
[[nodiscard]] uint32_t RangesWithoutHole(const ExtentList& list);

[[nodiscard]] bool IsStored(const ExtentList& list, uint32_t chunk_block);

// The places of the extents, in their order.
[[nodiscard]] std::vector<BlockRun> RunsOf(const ExtentList& list);

// Sets of blocks: sorted, disjoint, maximal runs.
[[nodiscard]] std::vector<BlockRun> Union(std::vector<BlockRun> a, std::span<const BlockRun> b);
[[nodiscard]] std::vector<BlockRun> Difference(std::vector<BlockRun> a, std::vector<BlockRun> b);
[[nodiscard]] bool Intersects(std::span<const BlockRun> a, std::span<const BlockRun> b);
[[nodiscard]] uint64_t CountBlocks(std::span<const BlockRun> runs);

}  // namespace weft::storage
