// The byte ranges of one file that one owner has locked.
//
// Ranges do not overlap, and neighbours of the same type are one range, as fcntl(2) wants it. It
// knows nothing of other owners. Not thread-safe.
#pragma once

#include <absl/container/btree_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace weft {

enum class LockType : uint8_t { kRead, kWrite };

// Bytes [first, last]; last is inclusive, so that kLastLockByte means "to the end".
struct LockRange {
  uint64_t first = 0;
  uint64_t last = 0;
  friend bool operator==(const LockRange&, const LockRange&) = default;
  [[nodiscard]] bool Overlaps(const LockRange& other) const {
    return first <= other.last && other.first <= last;
  }
};

inline constexpr uint64_t kLastLockByte = INT64_MAX;
inline constexpr LockRange kWholeFile{0, kLastLockByte};

[[nodiscard]] constexpr bool LockTypesConflict(LockType a, LockType b) {
  return a == LockType::kWrite || b == LockType::kWrite;
}

class LockRanges {
 public:
  struct Part {
    LockRange range;
    LockType type = LockType::kRead;
    friend bool operator==(const Part&, const Part&) = default;
  };

  // The range has this type now, whatever it had before. `range.first <= range.last`.
  void Set(LockRange range, LockType type);
  void Clear(LockRange range);

  // Every byte of the range is locked with exactly this type.
  [[nodiscard]] bool Covers(LockRange range, LockType type) const;
  // The first part that keeps another owner from locking the range with this type.
  [[nodiscard]] std::optional<Part> FindConflict(LockRange range, LockType type) const;

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  // Number of parts.
  [[nodiscard]] size_t size() const { return parts_.size(); }
  // Calls visit(Part) for each, in the order of bytes.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [first, end] : parts_) visit(Part{{first, end.last}, end.type});
  }

 private:
  struct End {
    uint64_t last = 0;
    LockType type = LockType::kRead;
  };
  using Parts = absl::btree_map<uint64_t, End>;  // by first byte

  // The first part that ends at or after `byte`.
  [[nodiscard]] Parts::const_iterator FirstEndingFrom(uint64_t byte) const;

  Parts parts_;
};

}  // namespace weft
