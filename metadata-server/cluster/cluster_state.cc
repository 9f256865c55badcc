#include "metadata-server/cluster/cluster_state.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/store/big_endian.h"

namespace weft::metadata {
namespace {

// Keys: one letter, and for all but the record the id in eight bytes, big-endian.
constexpr std::string_view kNodePrefix = "n";
constexpr std::string_view kTargetPrefix = "t";
constexpr std::string_view kPoolPrefix = "p";
constexpr std::string_view kRecordKey = "r";

std::string Key(std::string_view prefix, uint32_t id) {
  std::string key(prefix);
  AppendBigEndian(&key, id);
  return key;
}

// Calls `add` with every row of the prefix.
template <typename Message, typename Add>
absl::Status LoadRows(const KvStore& store, std::string_view prefix, Add add) {
  absl::Status status;
  const absl::Status scanned =
      store.Scan(Family::kCluster, prefix, prefix, [&](std::string_view key, std::string_view row) {
        Message message;
        if (!message.ParseFromArray(row.data(), static_cast<int>(row.size()))) {
          status = PosixError(
              EIO, "a row of the cluster, key " + std::string(key.substr(0, 1)) + "…, is damaged");
          return false;
        }
        add(std::move(message));
        return true;
      });
  WEFT_RETURN_IF_ERROR(scanned);
  return status;
}

bool IsSame(const google::protobuf::MessageLite& a, const google::protobuf::MessageLite& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

template <typename Message>
void PutChanged(std::string_view prefix, const std::map<uint32_t, Message>& before,
                const std::map<uint32_t, Message>& after, Batch* batch) {
  for (const auto& [id, message] : after) {
    const auto old = before.find(id);
    if (old != before.end() && IsSame(old->second, message)) continue;
    batch->Put(Family::kCluster, Key(prefix, id), message.SerializeAsString());
  }
}

ClusterState NewCluster() {
  ClusterState state;
  state.record.set_epoch(1);
  state.record.set_next_node_id(1);
  state.record.set_next_target_id(1);
  auto pool = std::make_shared<proto::Pool>();
  pool->set_name("default");
  pool->set_replicas(1);
  pool->set_groups_per_set(kDefaultGroups);
  for (uint32_t i = 0; i < kDefaultGroups; ++i) pool->add_groups()->set_epoch(1);
  state.pools[pool->pool_id()] = std::move(pool);
  return state;
}

}  // namespace

const proto::Node* ClusterState::FindNodeByUuid(std::string_view uuid) const {
  for (const auto& [id, node] : nodes) {
    if (node.uuid() == uuid) return &node;
  }
  return nullptr;
}

const proto::Node* ClusterState::FindNodeByName(std::string_view name) const {
  for (const auto& [id, node] : nodes) {
    if (node.name() == name) return &node;
  }
  return nullptr;
}

const proto::Target* ClusterState::FindTargetByUuid(std::string_view uuid) const {
  for (const auto& [id, target] : targets) {
    if (target.uuid() == uuid) return &target;
  }
  return nullptr;
}

uint32_t ClusterState::UsedGroups(uint32_t pool) const {
  for (const PoolUse& use : record.pool_uses()) {
    if (use.pool_id() == pool) return use.used_groups();
  }
  return 0;
}

void ClusterState::SetUsedGroups(uint32_t pool, uint32_t groups) {
  for (PoolUse& use : *record.mutable_pool_uses()) {
    if (use.pool_id() == pool) return use.set_used_groups(groups);
  }
  PoolUse* use = record.add_pool_uses();
  use->set_pool_id(pool);
  use->set_used_groups(groups);
}

absl::StatusOr<ClusterState> LoadClusterState(const KvStore& store) {
  const absl::StatusOr<std::string> record = store.Get(Family::kCluster, kRecordKey);
  if (ErrnoOf(record.status()) == ENOENT) return NewCluster();
  WEFT_RETURN_IF_ERROR(record.status());
  ClusterState state;
  if (!state.record.ParseFromString(*record)) {
    return PosixError(EIO, "the cluster's record is damaged");
  }
  WEFT_RETURN_IF_ERROR(LoadRows<proto::Node>(store, kNodePrefix, [&](proto::Node node) {
    const uint32_t id = node.node_id();
    state.nodes[id] = std::move(node);
  }));
  WEFT_RETURN_IF_ERROR(LoadRows<proto::Target>(store, kTargetPrefix, [&](proto::Target target) {
    const uint32_t id = target.target_id();
    state.targets[id] = std::move(target);
  }));
  WEFT_RETURN_IF_ERROR(LoadRows<proto::Pool>(store, kPoolPrefix, [&](proto::Pool pool) {
    const uint32_t id = pool.pool_id();
    state.pools[id] = std::make_shared<const proto::Pool>(std::move(pool));
  }));
  return state;
}

Batch ChangedRows(const ClusterState& before, const ClusterState& after) {
  Batch batch;
  PutChanged(kNodePrefix, before.nodes, after.nodes, &batch);
  PutChanged(kTargetPrefix, before.targets, after.targets, &batch);
  for (const auto& [id, pool] : after.pools) {
    const auto old = before.pools.find(id);
    if (old != before.pools.end() && old->second == pool) continue;
    batch.Put(Family::kCluster, Key(kPoolPrefix, id), pool->SerializeAsString());
  }
  if (!IsSame(before.record, after.record)) {
    batch.Put(Family::kCluster, kRecordKey, after.record.SerializeAsString());
  }
  return batch;
}

proto::ClusterMap MapMessage(const ClusterState& state, std::string_view cluster_id) {
  proto::ClusterMap map;
  map.set_epoch(state.record.epoch());
  map.set_cluster_id(std::string(cluster_id));
  for (const auto& [id, node] : state.nodes) *map.add_nodes() = node;
  for (const auto& [id, target] : state.targets) *map.add_targets() = target;
  for (const auto& [id, pool] : state.pools) *map.add_pools() = *pool;
  *map.mutable_fenced_sessions() = state.record.fenced_sessions();
  return map;
}

GroupSet NewestSet(const proto::Pool& pool) {
  GroupSet set;
  set.count = pool.groups_per_set();
  set.base = static_cast<uint32_t>(pool.groups_size()) - set.count;
  uint64_t epoch = 0;
  for (uint32_t i = 0; i < set.count; ++i) {
    epoch = std::max(epoch, pool.groups(static_cast<int>(set.base + i)).epoch());
  }
  set.epoch = MapEpoch(epoch);
  return set;
}

}  // namespace weft::metadata
