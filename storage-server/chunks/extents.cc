#include "storage-server/chunks/extents.h"

#include <algorithm>

namespace weft::storage {
namespace {

bool Continues(const BlockRun& a, const BlockRun& b) {
  return a.segment == b.segment && a.block + a.count == b.block;
}

void Append(ExtentList* list, const Extent& extent) {
  if (!list->empty() && list->back().end() == extent.chunk_block &&
      Continues(list->back().run, extent.run)) {
    list->back().run.count += extent.run.count;
  } else {
    list->push_back(extent);
  }
}

// The part of `extent` in [first, end), which it must meet.
Extent Clip(const Extent& extent, uint32_t first, uint32_t end) {
  const uint32_t from = std::max(extent.chunk_block, first);
  const uint32_t to = std::min(extent.end(), end);
  return {from, {extent.run.segment, extent.run.block + (from - extent.chunk_block), to - from}};
}

// Sorted, with runs that touch or overlap joined.
std::vector<BlockRun> Normalized(std::vector<BlockRun> runs) {
  std::sort(runs.begin(), runs.end());
  std::vector<BlockRun> result;
  for (const BlockRun& run : runs) {
    if (!result.empty() && result.back().segment == run.segment &&
        run.block <= result.back().block + result.back().count) {
      BlockRun& last = result.back();
      last.count = std::max(last.block + last.count, run.block + run.count) - last.block;
    } else {
      result.push_back(run);
    }
  }
  return result;
}

}  // namespace

ExtentList ExtentsAt(uint32_t first_block, std::span<const BlockRun> runs) {
  ExtentList list;
  for (const BlockRun& run : runs) {
    Append(&list, {first_block, run});
    first_block += run.count;
  }
  return list;
}

ExtentList WithHole(const ExtentList& list, uint32_t first, uint32_t end) {
  ExtentList result;
  for (const Extent& extent : list) {
    if (extent.chunk_block < first) Append(&result, Clip(extent, 0, first));
    if (extent.end() > end) Append(&result, Clip(extent, std::max(end, first), extent.end()));
  }
  return result;
}

ExtentList Replaced(const ExtentList& list, const ExtentList& fresh) {
  ExtentList merged = list;
  for (const Extent& extent : fresh) merged = WithHole(merged, extent.chunk_block, extent.end());
  merged.insert(merged.end(), fresh.begin(), fresh.end());
  std::sort(merged.begin(), merged.end());
  ExtentList result;
  for (const Extent& extent : merged) Append(&result, extent);
  return result;
}

ExtentList Slice(const ExtentList& list, uint32_t first, uint32_t end) {
  ExtentList result;
  for (const Extent& extent : list) {
    if (extent.end() > first && extent.chunk_block < end) {
      result.push_back(Clip(extent, first, end));
    }
  }
  return result;
}

uint32_t StoredBlocks(const ExtentList& list) {
  uint32_t blocks = 0;
  for (const Extent& extent : list) blocks += extent.run.count;
  return blocks;
}

uint32_t RangesWithoutHole(const ExtentList& list) {
  uint32_t ranges = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    if (i == 0 || list[i - 1].end() != list[i].chunk_block) ++ranges;
  }
  return ranges;
}

bool IsStored(const ExtentList& list, uint32_t chunk_block) {
  return !Slice(list, chunk_block, chunk_block + 1).empty();
}

std::vector<BlockRun> RunsOf(const ExtentList& list) {
  std::vector<BlockRun> runs;
  runs.reserve(list.size());
  for (const Extent& extent : list) runs.push_back(extent.run);
  return runs;
}

std::vector<BlockRun> Union(std::vector<BlockRun> a, std::span<const BlockRun> b) {
  a.insert(a.end(), b.begin(), b.end());
  return Normalized(std::move(a));
}

std::vector<BlockRun> Difference(std::vector<BlockRun> a, std::vector<BlockRun> b) {
  a = Normalized(std::move(a));
  b = Normalized(std::move(b));
  std::vector<BlockRun> result;
  size_t next = 0;  // in b: the first run that may still meet runs of a
  for (const BlockRun& run : a) {
    const uint32_t end = run.block + run.count;
    uint32_t at = run.block;
    while (next < b.size() &&
           (b[next].segment < run.segment ||
            (b[next].segment == run.segment && b[next].block + b[next].count <= at))) {
      ++next;
    }
    for (size_t i = next; i < b.size() && b[i].segment == run.segment && b[i].block < end; ++i) {
      if (b[i].block > at) result.push_back({run.segment, at, b[i].block - at});
      at = std::max(at, b[i].block + b[i].count);
    }
    if (at < end) result.push_back({run.segment, at, end - at});
  }
  return result;
}

bool Intersects(std::span<const BlockRun> a, std::span<const BlockRun> b) {
  for (const BlockRun& x : a) {
    for (const BlockRun& y : b) {
      if (x.segment == y.segment && x.block < y.block + y.count && y.block < x.block + x.count) {
        return true;
      }
    }
  }
  return false;
}

uint64_t CountBlocks(std::span<const BlockRun> runs) {
  uint64_t blocks = 0;
  for (const BlockRun& run : runs) blocks += run.count;
  return blocks;
}

}  // namespace weft::storage
