#include "storage-server/testing/maps.h"

#include <string>

namespace weft::storage {

proto::ClusterMap TestMap() {
  constexpr uint32_t kPool = 1;
  constexpr uint32_t kGroups = 4;
  proto::ClusterMap map;
  map.set_epoch(kTestEpoch);
  map.set_cluster_id(kTestClusterId);
  map.add_fenced_sessions(kFencedSession);
  for (uint32_t node_id = 1; node_id <= 2; ++node_id) {
    proto::Node& node = *map.add_nodes();
    node.set_node_id(node_id);
    node.set_name("n" + std::to_string(node_id));
    node.set_address("127.0.0.1:741" + std::to_string(node_id));
    node.set_state(proto::NODE_ONLINE);
    proto::Target& target = *map.add_targets();
    target.set_target_id(node_id == 1 ? kTestTarget : kForeignTarget);
    target.set_node_id(node_id);
    target.set_pool(kPool);
  }
  proto::Pool& pool = *map.add_pools();
  pool.set_pool_id(kPool);
  pool.set_name("default");
  pool.set_replicas(1);
  for (uint32_t i = 0; i < kGroups; ++i) {
    proto::Group& group = *pool.add_groups();
    group.set_epoch(kTestGroupEpoch);
    proto::ChainMember& member = *group.add_members();
    member.set_target_id(i < 2 ? kTestTarget : kForeignTarget);
    member.set_state(proto::SERVING);
  }
  return map;
}

}  // namespace weft::storage
