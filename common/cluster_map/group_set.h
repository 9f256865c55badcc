// Which group holds a chunk. Thread-safe: pure functions.
//
// The groups of a pool come in sets. A content's chunks stay in one set for ever; new contents use
// the newest set, which is how a new node gets data at once although nothing that is stored moves
// (docs/decisions/0003).
#pragma once

#include <cstdint>

#include "common/ids.h"
#include "common/limits.h"
#include "proto/types.pb.h"

namespace weft {

// Groups [base, base + count) of a pool. The default is the first set of every pool.
struct GroupSet {
  uint32_t base = 0;
  uint32_t count = kDefaultGroups;  // a power of two
  MapEpoch epoch;                   // of the map that first had the set's present chains

  friend bool operator==(const GroupSet&, const GroupSet&) = default;
};

// Lets `content` live in `set`. The caller sets first_group (below set.count) and width.
inline void AssignGroupSet(const GroupSet& set, proto::Content* content) {
  content->set_group_base(set.base);
  content->set_group_count(set.count);
  content->set_map_epoch(set.epoch.value());
}

// Group of chunk `chunk` of a content that lives in the `count` (a power of two) groups from `base`
// on. Persisted data depends on it: it never changes.
[[nodiscard]] constexpr uint32_t GroupOfChunk(uint32_t first_group, uint32_t width, uint32_t chunk,
                                              uint32_t base, uint32_t count) {
  return base + ((first_group + chunk % width) & (count - 1));
}

}  // namespace weft
