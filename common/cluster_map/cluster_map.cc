#include "common/cluster_map/cluster_map.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "common/limits.h"
#include "common/status.h"

namespace weft {
namespace {

absl::Status Malformed(const std::string& reason) {
  return PosixError(EPROTO, "malformed cluster map: " + reason);
}

// Of messages that Make has accepted.
uint32_t GroupsPerSet(const proto::Pool& pool) {
  return pool.groups_per_set() != 0 ? pool.groups_per_set()
                                    : static_cast<uint32_t>(pool.groups_size());
}

GroupSet SetOf(const proto::Content& content, const proto::Pool& pool) {
  if (content.group_count() == 0) return {.base = 0, .count = GroupsPerSet(pool)};
  return {.base = content.group_base(), .count = content.group_count()};
}

absl::Status CheckChain(const proto::Group& group,
                        const absl::flat_hash_map<uint32_t, TargetInfo>& targets) {
  for (int i = 0; i < group.members_size(); ++i) {
    const auto member = targets.find(group.members(i).target_id());
    if (member == targets.end()) {
      return Malformed("a chain names the unknown target " +
                       std::to_string(group.members(i).target_id()));
    }
    for (int j = 0; j < i; ++j) {  // chains are short
      if (targets.at(group.members(j).target_id()).node == member->second.node) {
        return Malformed("a chain has two members on one node");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPool(const proto::Pool& pool,
                       const absl::flat_hash_map<uint32_t, TargetInfo>& targets) {
  const std::string name = "pool " + std::to_string(pool.pool_id());
  const auto groups = static_cast<size_t>(pool.groups_size());
  if (groups == 0 || groups > kMaxGroups) {
    return Malformed(name + " has " + std::to_string(groups) + " groups");
  }
  const uint32_t per_set = GroupsPerSet(pool);
  if (!std::has_single_bit(per_set) || groups % per_set != 0) {
    return Malformed(name + " has " + std::to_string(groups) + " groups in sets of " +
                     std::to_string(per_set));
  }
  for (const proto::Group& group : pool.groups()) {
    WEFT_RETURN_IF_ERROR(CheckChain(group, targets));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ClusterMap>> ClusterMap::Make(proto::ClusterMap message) {
  std::shared_ptr<ClusterMap> map(new ClusterMap(std::move(message)));
  absl::flat_hash_map<uint32_t, const proto::Node*> nodes;
  for (const proto::Node& node : map->message_.nodes()) {
    if (node.node_id() == 0) return Malformed("a node has the id 0");
    if (!nodes.emplace(node.node_id(), &node).second) {
      return Malformed("two nodes have the id " + std::to_string(node.node_id()));
    }
  }
  for (const proto::Target& target : map->message_.targets()) {
    const std::string name = "target " + std::to_string(target.target_id());
    if (target.target_id() == 0) return Malformed("a target has the id 0");
    const auto node = nodes.find(target.node_id());
    if (node == nodes.end()) return Malformed(name + " is on an unknown node");
    TargetInfo info{.id = TargetId(target.target_id()),
                    .node = NodeId(target.node_id()),
                    .node_name = node->second->name(),
                    .address = node->second->address(),
                    .node_state = node->second->state()};
    if (!map->targets_.emplace(target.target_id(), std::move(info)).second) {
      return Malformed("two of " + name);
    }
  }
  for (const proto::Pool& pool : map->message_.pools()) {
    WEFT_RETURN_IF_ERROR(CheckPool(pool, map->targets_));
    if (!map->pools_.emplace(pool.pool_id(), ChainsOf(pool)).second) {
      return Malformed("two pools have the id " + std::to_string(pool.pool_id()));
    }
  }
  return map;
}

ClusterMap::PoolChains ClusterMap::ChainsOf(const proto::Pool& pool) {
  PoolChains chains{.pool = &pool};
  chains.first.reserve(static_cast<size_t>(pool.groups_size()) + 1);
  for (const proto::Group& group : pool.groups()) {
    chains.first.push_back(static_cast<uint32_t>(chains.members.size()));
    chains.members.insert(chains.members.end(), group.members().begin(), group.members().end());
  }
  chains.first.push_back(static_cast<uint32_t>(chains.members.size()));
  return chains;
}

const ClusterMap::PoolChains* ClusterMap::FindChains(uint32_t pool) const {
  const auto found = pools_.find(pool);
  return found == pools_.end() ? nullptr : &found->second;
}

const proto::Pool* ClusterMap::FindPool(PoolId pool) const {
  const PoolChains* chains = FindChains(pool.value());
  return chains == nullptr ? nullptr : chains->pool;
}

const TargetInfo* ClusterMap::FindTarget(TargetId target) const {
  const auto found = targets_.find(target.value());
  return found == targets_.end() ? nullptr : &found->second;
}

absl::StatusOr<ChunkRoute> ClusterMap::Locate(const proto::Content& content, uint32_t chunk) const {
  if (content.map_epoch() > message_.epoch()) {
    return PosixError(ESTALE, "the cluster map is older than the content");
  }
  const PoolChains* chains = FindChains(content.pool());
  if (chains == nullptr) {
    return PosixError(ENXIO, "there is no pool " + std::to_string(content.pool()));
  }
  const GroupSet set = SetOf(content, *chains->pool);
  const uint32_t group = GroupOfChunk(content.first_group(), std::max(content.width(), 1u), chunk,
                                      set.base, set.count);
  if (group + size_t{1} >= chains->first.size()) {
    return PosixError(ENXIO, "there is no group " + std::to_string(group));
  }
  const std::span<const proto::ChainMember> members =
      std::span(chains->members)
          .subspan(chains->first[group], chains->first[group + 1] - chains->first[group]);
  if (members.empty()) {
    return PosixError(ENXIO, "group " + std::to_string(group) +
                                 " has no target yet: no storage-server has been added");
  }
  const uint64_t epoch = chains->pool->groups(static_cast<int>(group)).epoch();
  return ChunkRoute{.group = group, .epoch = MapEpoch(epoch), .members = members};
}

std::vector<TargetId> ClusterMap::TargetsOf(const proto::Content& content) const {
  const proto::Pool* pool = FindPool(PoolId(content.pool()));
  if (pool == nullptr) return {};
  const GroupSet set = SetOf(content, *pool);
  // No set is larger than kMaxGroups: a damaged content must not keep us busy.
  const uint32_t width = std::clamp(content.width(), 1u, std::clamp(set.count, 1u, kMaxGroups));
  absl::flat_hash_set<TargetId> targets;
  for (uint32_t i = 0; i < width; ++i) {
    const uint32_t group = GroupOfChunk(content.first_group(), width, i, set.base, set.count);
    if (group >= static_cast<uint32_t>(pool->groups_size())) continue;
    for (const proto::ChainMember& member : pool->groups(static_cast<int>(group)).members()) {
      targets.insert(TargetId(member.target_id()));
    }
  }
  std::vector<TargetId> sorted(targets.begin(), targets.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace weft
