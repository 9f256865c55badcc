#include "client/core/intervals.h"

#include <algorithm>

namespace weft::client {
namespace {

// First interval that ends at or after `begin` (so that touching ones are found, too).
template <typename Intervals>
auto FirstTouching(Intervals& intervals, uint64_t begin) {
  return std::lower_bound(intervals.begin(), intervals.end(), begin,
                          [](const Interval& i, uint64_t value) { return i.end < value; });
}

}  // namespace

void IntervalSet::Add(uint64_t begin, uint64_t end) {
  if (begin >= end) return;
  const auto first = FirstTouching(intervals_, begin);
  auto last = first;
  while (last != intervals_.end() && last->begin <= end) {
    begin = std::min(begin, last->begin);
    end = std::max(end, last->end);
    ++last;
  }
  if (first == last) {
    intervals_.insert(first, Interval{begin, end});
    return;
  }
  *first = Interval{begin, end};
  intervals_.erase(first + 1, last);
}

void IntervalSet::Remove(uint64_t begin, uint64_t end) {
  if (begin >= end) return;
  std::vector<Interval> kept;
  kept.reserve(intervals_.size() + 1);
  for (const Interval& i : intervals_) {
    if (i.end <= begin || i.begin >= end) {
      kept.push_back(i);
      continue;
    }
    if (i.begin < begin) kept.push_back({i.begin, begin});
    if (i.end > end) kept.push_back({end, i.end});
  }
  intervals_ = std::move(kept);
}

bool IntervalSet::Contains(uint64_t begin, uint64_t end) const {
  if (begin >= end) return true;
  const auto it = FirstTouching(intervals_, begin + 1);
  return it != intervals_.end() && it->begin <= begin && it->end >= end;
}

std::vector<Interval> IntervalSet::Within(uint64_t begin, uint64_t end) const {
  std::vector<Interval> found;
  for (auto it = FirstTouching(intervals_, begin); it != intervals_.end() && it->begin < end;
       ++it) {
    const Interval part{std::max(begin, it->begin), std::min(end, it->end)};
    if (part.begin < part.end) found.push_back(part);
  }
  return found;
}

std::vector<Interval> IntervalSet::Gaps(uint64_t begin, uint64_t end) const {
  std::vector<Interval> gaps;
  for (const Interval& part : Within(begin, end)) {
    if (begin < part.begin) gaps.push_back({begin, part.begin});
    begin = part.end;
  }
  if (begin < end) gaps.push_back({begin, end});
  return gaps;
}

}  // namespace weft::client
