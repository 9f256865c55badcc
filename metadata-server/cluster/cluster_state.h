// The cluster as a value: what the cluster map is made of, and its rows in Family::kCluster.
//
// Membership changes a copy and saves it; the map is made from it. It knows no rules and no
// clock. Not thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "common/cluster_map/group_set.h"
#include "common/ids.h"
#include "metadata-server/cluster/cluster_records.pb.h"
#include "metadata-server/store/kv_store.h"
#include "proto/cluster.pb.h"

namespace weft::metadata {

struct ClusterState {
  std::map<uint32_t, proto::Node> nodes;      // by id
  std::map<uint32_t, proto::Target> targets;  // by id
  // By id. Shared with other copies and so never changed, only replaced: pools are large.
  std::map<uint32_t, std::shared_ptr<const proto::Pool>> pools;
  ClusterRecord record;

  [[nodiscard]] const proto::Node* FindNodeByUuid(std::string_view uuid) const;
  [[nodiscard]] const proto::Node* FindNodeByName(std::string_view name) const;
  [[nodiscard]] const proto::Target* FindTargetByUuid(std::string_view uuid) const;

  [[nodiscard]] uint32_t UsedGroups(uint32_t pool) const;
  void SetUsedGroups(uint32_t pool, uint32_t groups);
};

// The state in the store; in a new store, one default pool of empty groups. EIO: rows are damaged.
[[nodiscard]] absl::StatusOr<ClusterState> LoadClusterState(const KvStore& store);

// The rows that turn `before` into `after`.
[[nodiscard]] Batch ChangedRows(const ClusterState& before, const ClusterState& after);

[[nodiscard]] proto::ClusterMap MapMessage(const ClusterState& state, std::string_view cluster_id);

// The set that new contents of the pool use.
[[nodiscard]] GroupSet NewestSet(const proto::Pool& pool);

}  // namespace weft::metadata
