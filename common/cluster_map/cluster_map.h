// The cluster map as clients and servers use it: which chain holds a chunk, and how to reach its
// targets.
//
// A ClusterMap is an immutable snapshot made from the published message and checked whole, so that
// look-ups cannot fail on a malformed map. Thread-safe: constant after construction.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/cluster_map/group_set.h"
#include "common/ids.h"
#include "proto/cluster.pb.h"
#include "proto/types.pb.h"

namespace weft {

struct TargetInfo {
  TargetId id;
  NodeId node;
  std::string node_name;
  std::string address;  // host:port of the node's wire
  proto::NodeState node_state = proto::NODE_STATE_UNSPECIFIED;
};

// Where one chunk's requests go.
struct ChunkRoute {
  uint32_t group = 0;
  MapEpoch epoch;                               // of the group's chain
  std::span<const proto::ChainMember> members;  // in chain order; not empty; borrowed from the map
};

class ClusterMap {
 public:
  // Checks `message`: chains name known targets on known nodes, each on another node; pools have
  // whole group sets of a power of two, within kMaxGroups; ids are unique and, but for pools, not
  // 0. EPROTO with the reason otherwise.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<const ClusterMap>> Make(
      proto::ClusterMap message);

  [[nodiscard]] MapEpoch epoch() const { return MapEpoch(message_.epoch()); }
  [[nodiscard]] const proto::ClusterMap& message() const { return message_; }

  // Null where there is none of that id.
  [[nodiscard]] const proto::Pool* FindPool(PoolId pool) const;
  [[nodiscard]] const TargetInfo* FindTarget(TargetId target) const;

  // ESTALE: this map is older than the content's group set: fetch a newer one. ENXIO: the pool or
  // the group does not exist, or the group has no target yet.
  [[nodiscard]] absl::StatusOr<ChunkRoute> Locate(const proto::Content& content,
                                                  uint32_t chunk) const;

  // Targets that can hold chunks of the content: those of its `width` groups, each once, by id.
  // Groups that have no target, or that do not exist, add none.
  [[nodiscard]] std::vector<TargetId> TargetsOf(const proto::Content& content) const;

 private:
  explicit ClusterMap(proto::ClusterMap message) : message_(std::move(message)) {}

  // The chains of a pool, one after the other: chain g is members [first[g], first[g + 1]).
  struct PoolChains {
    const proto::Pool* pool = nullptr;
    std::vector<proto::ChainMember> members;
    std::vector<uint32_t> first;
  };
  [[nodiscard]] static PoolChains ChainsOf(const proto::Pool& pool);
  [[nodiscard]] const PoolChains* FindChains(uint32_t pool) const;

  proto::ClusterMap message_;
  absl::flat_hash_map<uint32_t, PoolChains> pools_;
  absl::flat_hash_map<uint32_t, TargetInfo> targets_;
};

}  // namespace weft
