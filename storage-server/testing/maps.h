// Cluster maps for tests.
#pragma once

#include <cstdint>
#include <memory>

#include "common/cluster_map/cluster_map.h"
#include "proto/cluster.pb.h"

namespace weft::storage {

inline constexpr char kTestClusterId[] = "11111111-1111-4111-8111-111111111111";
inline constexpr uint32_t kTestTarget = 7;      // serves groups 0 and 1
inline constexpr uint32_t kForeignTarget = 8;   // of another node; serves groups 2 and 3
inline constexpr uint64_t kTestEpoch = 5;       // of the map
inline constexpr uint64_t kTestGroupEpoch = 3;  // of every chain
inline constexpr uint64_t kFencedSession = 666;

// One pool of four groups on two nodes of one target each.
[[nodiscard]] proto::ClusterMap TestMap();

}  // namespace weft::storage
