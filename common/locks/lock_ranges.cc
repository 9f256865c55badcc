#include "common/locks/lock_ranges.h"

#include <iterator>

namespace weft {

LockRanges::Parts::const_iterator LockRanges::FirstEndingFrom(uint64_t byte) const {
  auto part = parts_.upper_bound(byte);
  if (part != parts_.begin()) {
    const auto before = std::prev(part);
    if (before->second.last >= byte) return before;
  }
  return part;
}

void LockRanges::Clear(LockRange range) {
  for (auto part = FirstEndingFrom(range.first);
       part != parts_.end() && part->first <= range.last;) {
    const uint64_t first = part->first;
    const End end = part->second;
    part = parts_.erase(part);
    if (first < range.first) parts_[first] = {range.first - 1, end.type};
    if (end.last > range.last) parts_[range.last + 1] = end;
    part = FirstEndingFrom(range.first);
    if (end.last > range.last) return;
  }
}

void LockRanges::Set(LockRange range, LockType type) {
  Clear(range);
  if (range.first > 0) {
    const auto before = FirstEndingFrom(range.first - 1);
    if (before != parts_.end() && before->second.last == range.first - 1 &&
        before->second.type == type) {
      range.first = before->first;
      parts_.erase(before);
    }
  }
  if (range.last < UINT64_MAX) {
    const auto after = parts_.find(range.last + 1);
    if (after != parts_.end() && after->second.type == type) {
      range.last = after->second.last;
      parts_.erase(after);
    }
  }
  parts_[range.first] = {range.last, type};
}

bool LockRanges::Covers(LockRange range, LockType type) const {
  // Neighbours of the same type are one part.
  const auto part = FirstEndingFrom(range.first);
  return part != parts_.end() && part->first <= range.first && part->second.last >= range.last &&
         part->second.type == type;
}

std::optional<LockRanges::Part> LockRanges::FindConflict(LockRange range, LockType type) const {
  for (auto part = FirstEndingFrom(range.first); part != parts_.end() && part->first <= range.last;
       ++part) {
    if (LockTypesConflict(type, part->second.type)) {
      return Part{{part->first, part->second.last}, part->second.type};
    }
  }
  return std::nullopt;
}

}  // namespace weft
