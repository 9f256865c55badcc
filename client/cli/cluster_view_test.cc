#include "client/cli/cluster_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kGiB = uint64_t{1} << 30;

proto::GetStatusReply MakeStatus() {
  proto::GetStatusReply status;
  proto::ClusterMap& map = *status.mutable_map();
  uint32_t id = 0;
  for (const auto& [name, state] :
       {std::pair("n1", proto::NODE_ONLINE), std::pair("n2", proto::NODE_ONLINE),
        std::pair("n3", proto::NODE_PENDING)}) {
    proto::Node& node = *map.add_nodes();
    node.set_node_id(++id);
    node.set_name(name);
    node.set_state(state);
    proto::Target& target = *map.add_targets();
    target.set_target_id(10 + id);
    target.set_node_id(id);
    target.set_capacity_bytes(100 * kGiB);
    target.set_free_bytes(50 * kGiB);
  }
  return status;
}

TEST(ClusterViewTest, SpaceIsThatOfAddedNodes) {
  const proto::GetStatusReply status = MakeStatus();
  EXPECT_EQ(SpaceOfCluster(status.map()).capacity_bytes, 200 * kGiB);
  EXPECT_EQ(SpaceOfCluster(status.map()).targets, 2u);
  EXPECT_EQ(SpaceOfNode(status.map(), 3).free_bytes, 50 * kGiB);
}

TEST(ClusterViewTest, WarnsOfWhatNeedsHands) {
  proto::GetStatusReply status = MakeStatus();
  EXPECT_THAT(Warnings(status), ElementsAre(HasSubstr("weft node add n3")));
  status.mutable_map()->mutable_nodes(2)->set_state(proto::NODE_ONLINE);
  EXPECT_THAT(Warnings(status), IsEmpty());
  status.set_store_fault("disk on fire");
  status.mutable_map()->mutable_nodes(0)->set_state(proto::NODE_OFFLINE);
  status.mutable_map()->mutable_targets(1)->set_fault("read-only");
  status.mutable_map()->mutable_targets(2)->set_free_bytes(kGiB);
  EXPECT_THAT(Warnings(status), ElementsAre(HasSubstr("disk on fire"), HasSubstr("n1"),
                                            HasSubstr("read-only"), HasSubstr("nearly full")));
}

TEST(ClusterViewTest, JsonNamesStatesAndNodes) {
  const proto::GetStatusReply status = MakeStatus();
  const Json node = NodeJson(status.map(), status.map().nodes(2));
  EXPECT_EQ(node["name"], "n3");
  EXPECT_EQ(node["state"], "pending");
  EXPECT_EQ(node["targets"], 1);
  EXPECT_EQ(TargetJson(status.map(), status.map().targets(1))["node"], "n2");
  EXPECT_EQ(NodeName(status.map(), 99), "node 99");
}

}  // namespace
}  // namespace weft::cli
