// A set of bytes as sorted, disjoint, not touching half-open intervals. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace weft::client {

struct Interval {
  uint64_t begin = 0;
  uint64_t end = 0;
  [[nodiscard]] uint64_t size() const { return end - begin; }
  friend bool operator==(const Interval&, const Interval&) = default;
};

class IntervalSet {
 public:
  void Add(uint64_t begin, uint64_t end);
  void Remove(uint64_t begin, uint64_t end);
  void Clear() { intervals_.clear(); }

  [[nodiscard]] bool empty() const { return intervals_.empty(); }
  [[nodiscard]] const std::vector<Interval>& intervals() const { return intervals_; }
  // One past the last byte; 0 where the set is empty.
  [[nodiscard]] uint64_t end() const { return intervals_.empty() ? 0 : intervals_.back().end; }
  // All of [begin, end) is in the set.
  [[nodiscard]] bool Contains(uint64_t begin, uint64_t end) const;
  // The parts of [begin, end) that are in the set, and those that are not.
  [[nodiscard]] std::vector<Interval> Within(uint64_t begin, uint64_t end) const;
  [[nodiscard]] std::vector<Interval> Gaps(uint64_t begin, uint64_t end) const;

 private:
  std::vector<Interval> intervals_;
};

}  // namespace weft::client
