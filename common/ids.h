// Strong ids: integers that do not mix. An id knows nothing of what it names. Value 0 is "none".
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>

namespace weft {

// An integer of its own type. `Tag` only tells types apart. Ordered, hashable, printable.
template <typename Tag, typename Int>
class StrongId {
 public:
  using Value = Int;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Int value) : value_(value) {}

  [[nodiscard]] constexpr Int value() const { return value_; }
  [[nodiscard]] constexpr bool is_none() const { return value_ == 0; }

  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
  friend std::ostream& operator<<(std::ostream& out, const StrongId& id) {
    return out << +id.value_;
  }
  template <typename H>
  friend H AbslHashValue(H state, const StrongId& id) {
    return H::combine(std::move(state), id.value_);
  }

 private:
  Int value_ = 0;
};

using InodeId = StrongId<struct InodeIdTag, uint64_t>;
using ContentId = StrongId<struct ContentIdTag, uint64_t>;
using SessionId = StrongId<struct SessionIdTag, uint64_t>;
using MapEpoch = StrongId<struct MapEpochTag, uint64_t>;
using NodeId = StrongId<struct NodeIdTag, uint32_t>;
using TargetId = StrongId<struct TargetIdTag, uint32_t>;
using PoolId = StrongId<struct PoolIdTag, uint32_t>;

inline constexpr InodeId kRootInode{1};

}  // namespace weft

template <typename Tag, typename Int>
struct std::hash<weft::StrongId<Tag, Int>> {
  size_t operator()(const weft::StrongId<Tag, Int>& id) const noexcept {
    return std::hash<Int>{}(id.value());
  }
};
