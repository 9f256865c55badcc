// A cluster's status as subcommands show it. Thread-safe: functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/output.h"
#include "proto/cluster.pb.h"

namespace weft::cli {

struct Space {
  uint64_t capacity_bytes = 0;
  uint64_t free_bytes = 0;
  uint32_t targets = 0;
};

// "online", "offline", "pending".
[[nodiscard]] std::string_view StateName(proto::NodeState state);
// The name of a node; "node 7" where the map does not know it.
[[nodiscard]] std::string NodeName(const proto::ClusterMap& map, uint32_t node_id);
// Of the targets of one node.
[[nodiscard]] Space SpaceOfNode(const proto::ClusterMap& map, uint32_t node_id);
// Of all targets whose node has been added.
[[nodiscard]] Space SpaceOfCluster(const proto::ClusterMap& map);

[[nodiscard]] Json NodeJson(const proto::ClusterMap& map, const proto::Node& node);
[[nodiscard]] Json TargetJson(const proto::ClusterMap& map, const proto::Target& target);

// What an administrator has to look at, one sentence each; empty: all is well.
[[nodiscard]] std::vector<std::string> Warnings(const proto::GetStatusReply& status);

}  // namespace weft::cli
