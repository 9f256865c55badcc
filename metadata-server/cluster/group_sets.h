// Growing a pool: gives its groups new chains in such a way that no data has to move
// (docs/decisions/0003). Thread-safe: a pure function.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "metadata-server/cluster/placement.h"
#include "proto/cluster.pb.h"

namespace weft::metadata {

// The pool with chains of `targets` in its newest set. Groups from `used_groups` on hold no data:
// if the newest set is among them, or has no targets yet, it gets the chains; else a further set is
// appended. Changed groups get `epoch`. kResourceExhausted: the pool has kMaxGroups.
[[nodiscard]] absl::StatusOr<std::shared_ptr<const proto::Pool>> WithNewChains(
    const proto::Pool& pool, uint32_t used_groups, const std::vector<PlacementTarget>& targets,
    uint64_t epoch);

// Every one of these targets has a group of the pool's newest set.
[[nodiscard]] bool NewestSetUses(const proto::Pool& pool, const std::vector<TargetId>& targets);

}  // namespace weft::metadata
