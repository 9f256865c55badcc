#include "client/cli/cluster_view.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace weft::cli {
namespace {

constexpr uint64_t kLittleFreeDivisor = 10;  // less than a tenth is free: nearly full

const proto::Node* FindNode(const proto::ClusterMap& map, uint32_t node_id) {
  const auto found = std::find_if(map.nodes().begin(), map.nodes().end(),
                                  [&](const proto::Node& n) { return n.node_id() == node_id; });
  return found == map.nodes().end() ? nullptr : &*found;
}

void AddTo(Space* space, const proto::Target& target) {
  space->capacity_bytes += target.capacity_bytes();
  space->free_bytes += target.free_bytes();
  ++space->targets;
}

bool IsNearlyFull(const proto::Target& target) {
  return target.free_bytes() < target.capacity_bytes() / kLittleFreeDivisor;
}

}  // namespace

std::string_view StateName(proto::NodeState state) {
  switch (state) {
    case proto::NODE_PENDING:
      return "pending";
    case proto::NODE_ONLINE:
      return "online";
    case proto::NODE_OFFLINE:
      return "offline";
    default:
      return "unknown";
  }
}

std::string NodeName(const proto::ClusterMap& map, uint32_t node_id) {
  const proto::Node* const node = FindNode(map, node_id);
  return node == nullptr ? absl::StrCat("node ", node_id) : node->name();
}

Space SpaceOfNode(const proto::ClusterMap& map, uint32_t node_id) {
  Space space;
  for (const proto::Target& target : map.targets()) {
    if (target.node_id() == node_id) AddTo(&space, target);
  }
  return space;
}

Space SpaceOfCluster(const proto::ClusterMap& map) {
  Space space;
  for (const proto::Target& target : map.targets()) {
    const proto::Node* const node = FindNode(map, target.node_id());
    if (node != nullptr && node->state() != proto::NODE_PENDING) AddTo(&space, target);
  }
  return space;
}

Json NodeJson(const proto::ClusterMap& map, const proto::Node& node) {
  const Space space = SpaceOfNode(map, node.node_id());
  return {{"id", node.node_id()},
          {"name", node.name()},
          {"state", StateName(node.state())},
          {"address", node.address()},
          {"control_address", node.control_address()},
          {"version", node.version()},
          {"uuid", node.uuid()},
          {"targets", space.targets},
          {"capacity_bytes", space.capacity_bytes},
          {"free_bytes", space.free_bytes}};
}

Json TargetJson(const proto::ClusterMap& map, const proto::Target& target) {
  return {{"id", target.target_id()},
          {"node", NodeName(map, target.node_id())},
          {"path", target.path()},
          {"pool", target.pool()},
          {"capacity_bytes", target.capacity_bytes()},
          {"free_bytes", target.free_bytes()},
          {"fault", target.fault()},
          {"uuid", target.uuid()}};
}

std::vector<std::string> Warnings(const proto::GetStatusReply& status) {
  std::vector<std::string> warnings;
  const proto::ClusterMap& map = status.map();
  if (!status.store_fault().empty()) {
    warnings.push_back("the namespace takes no changes: " + status.store_fault());
  }
  for (const proto::Node& node : map.nodes()) {
    if (node.state() == proto::NODE_OFFLINE) {
      warnings.push_back(absl::StrCat("node ", node.name(), " at ", node.address(),
                                      " is offline: is weft-storage running there?"));
    } else if (node.state() == proto::NODE_PENDING) {
      warnings.push_back(
          absl::StrCat("node ", node.name(), " waits to be let in: weft node add ", node.name()));
    }
  }
  for (const proto::Target& target : map.targets()) {
    const std::string name =
        absl::StrCat(NodeName(map, target.node_id()), " target ", target.target_id());
    if (!target.fault().empty()) {
      warnings.push_back(absl::StrCat(name, " takes no writes: ", target.fault()));
    } else if (IsNearlyFull(target)) {
      warnings.push_back(absl::StrCat(name, " is nearly full: ", HumanBytes(target.free_bytes()),
                                      " of ", HumanBytes(target.capacity_bytes()), " are free"));
    }
  }
  return warnings;
}

}  // namespace weft::cli
