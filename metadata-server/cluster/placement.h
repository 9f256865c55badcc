// Placement: which targets hold which groups, as a pure function.
//
// It is not told what groups hold or whether targets are alive: the caller chooses the targets,
// their weights and the groups that may be given new chains. Deterministic: the same arguments, in
// any order of the targets, give the same result on every machine. Thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "common/ids.h"

namespace weft::metadata {

struct PlacementTarget {
  TargetId id;
  NodeId node;
  uint64_t weight = 0;  // its share of the data is in proportion; 0: gets none
};

// Targets of one group, in chain order, each on another node.
using Chain = std::vector<TargetId>;

// A chain of `replicas` targets for each of `groups` groups, shorter where fewer nodes have weight.
// `previous` holds the chains that the groups have now (fewer than `groups`: the rest has none).
//
// - No chain has two targets of one node.
// - Slots are shared out in proportion to weight, but no node gets more than one per group, and
//   every target with weight gets at least one where there are enough. With one replica the shares
//   are exact but for rounding; with more, a few slots may lie elsewhere to keep nodes apart.
// - Previous members stay, in their order, but for those whose target is gone or above its share:
//   with one replica that is the least data that can move.
// - Consecutive groups lead with different nodes as far as the shares allow.
[[nodiscard]] std::vector<Chain> Place(std::vector<PlacementTarget> targets, uint32_t groups,
                                       uint32_t replicas, const std::vector<Chain>& previous);

// `total` shared out in proportion to `weights` (largest remainders; earlier ones win ties). Each
// weight that is not 0 gets at least 1 if `total` is enough for that.
[[nodiscard]] std::vector<uint64_t> Apportion(const std::vector<uint64_t>& weights, uint64_t total);

}  // namespace weft::metadata
