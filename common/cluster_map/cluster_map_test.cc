#include "common/cluster_map/cluster_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "common/limits.h"
#include "common/status.h"

namespace weft {
namespace {

// Three nodes with a target each (ids 11, 12, 13); group g's chain is {11 + g mod 3}.
proto::ClusterMap ThreeNodes(int groups, uint32_t groups_per_set) {
  proto::ClusterMap map;
  map.set_epoch(7);
  for (uint32_t id = 1; id <= 3; ++id) {
    proto::Node* node = map.add_nodes();
    node->set_node_id(id);
    node->set_name("n" + std::to_string(id));
    node->set_address("127.0.0.1:" + std::to_string(7410 + id));
    node->set_state(proto::NODE_ONLINE);
    proto::Target* target = map.add_targets();
    target->set_target_id(10 + id);
    target->set_node_id(id);
  }
  proto::Pool* pool = map.add_pools();
  pool->set_groups_per_set(groups_per_set);
  for (int i = 0; i < groups; ++i) {
    proto::Group* group = pool->add_groups();
    group->set_epoch(static_cast<uint64_t>(i) / 4 + 1);
    proto::ChainMember* member = group->add_members();
    member->set_target_id(11 + static_cast<uint32_t>(i) % 3);
    member->set_state(proto::SERVING);
  }
  return map;
}

proto::Content ContentIn(GroupSet set, uint32_t first_group, uint32_t width) {
  proto::Content content;
  AssignGroupSet(set, &content);
  content.set_first_group(first_group);
  content.set_width(width);
  return content;
}

std::shared_ptr<const ClusterMap> MakeOrDie(proto::ClusterMap message) {
  auto map = ClusterMap::Make(std::move(message));
  EXPECT_TRUE(map.ok()) << map.status();
  return *map;
}

TEST(GroupSetTest, ChunksGoRoundTheWidthAndWrapInTheSet) {
  EXPECT_EQ(GroupOfChunk(6, 4, 0, 0, 8), 6u);
  EXPECT_EQ(GroupOfChunk(6, 4, 1, 0, 8), 7u);
  EXPECT_EQ(GroupOfChunk(6, 4, 2, 0, 8), 0u);
  EXPECT_EQ(GroupOfChunk(6, 4, 4, 0, 8), 6u);
  EXPECT_EQ(GroupOfChunk(6, 4, 2, 24, 8), 24u);
  EXPECT_EQ(GroupOfChunk(0, 1, UINT32_MAX, 8, 8), 8u);
}

TEST(ClusterMapTest, FindsTargetsAndPools) {
  const auto map = MakeOrDie(ThreeNodes(8, 0));
  EXPECT_EQ(map->epoch(), MapEpoch(7));
  const TargetInfo* target = map->FindTarget(TargetId(12));
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(target->node, NodeId(2));
  EXPECT_EQ(target->node_name, "n2");
  EXPECT_EQ(target->address, "127.0.0.1:7412");
  EXPECT_EQ(target->node_state, proto::NODE_ONLINE);
  EXPECT_EQ(map->FindTarget(TargetId(1)), nullptr);
  ASSERT_NE(map->FindPool(PoolId(0)), nullptr);
  EXPECT_EQ(map->FindPool(PoolId(1)), nullptr);
}

TEST(ClusterMapTest, LocatesChunksInTheContentsSet) {
  const auto map = MakeOrDie(ThreeNodes(16, 8));
  const auto route = map->Locate(ContentIn({.base = 8, .count = 8, .epoch = MapEpoch(7)}, 7, 4), 1);
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(route->group, 8u);  // 7 + 1 wraps to the start of the second set
  EXPECT_EQ(route->epoch, MapEpoch(3));
  ASSERT_EQ(route->members.size(), 1u);
  EXPECT_EQ(route->members[0].target_id(), 13u);
}

TEST(ClusterMapTest, AContentWithoutASetIsInTheFirstOne) {
  const auto map = MakeOrDie(ThreeNodes(16, 8));
  const auto route = map->Locate(ContentIn({.base = 0, .count = 0}, 7, 4), 1);
  ASSERT_TRUE(route.ok());
  EXPECT_EQ(route->group, 0u);
}

TEST(ClusterMapTest, AMapOlderThanTheContentIsStale) {
  const auto map = MakeOrDie(ThreeNodes(8, 0));
  const auto route = map->Locate(ContentIn({.count = 8, .epoch = MapEpoch(8)}, 0, 1), 0);
  EXPECT_EQ(ErrnoOf(route.status()), ESTALE);
}

TEST(ClusterMapTest, WhatIsNotThereIsENXIO) {
  proto::ClusterMap message = ThreeNodes(8, 0);
  message.mutable_pools(0)->mutable_groups(3)->clear_members();
  const auto map = MakeOrDie(std::move(message));
  EXPECT_EQ(ErrnoOf(map->Locate(ContentIn({.count = 8}, 3, 1), 0).status()), ENXIO);
  EXPECT_EQ(ErrnoOf(map->Locate(ContentIn({.base = 8, .count = 8}, 0, 1), 0).status()), ENXIO);
  proto::Content content = ContentIn({.count = 8}, 0, 1);
  content.set_pool(5);
  EXPECT_EQ(ErrnoOf(map->Locate(content, 0).status()), ENXIO);
  EXPECT_TRUE(map->TargetsOf(content).empty());
}

TEST(ClusterMapTest, TargetsOfAreThoseOfTheWidth) {
  const auto map = MakeOrDie(ThreeNodes(16, 8));
  using Ids = std::vector<TargetId>;
  EXPECT_EQ(map->TargetsOf(ContentIn({.count = 8}, 1, 1)), Ids({TargetId(12)}));
  EXPECT_EQ(map->TargetsOf(ContentIn({.count = 8}, 1, 2)), Ids({TargetId(12), TargetId(13)}));
  EXPECT_EQ(map->TargetsOf(ContentIn({.base = 8, .count = 8}, 0, kMaxWidth)),
            Ids({TargetId(11), TargetId(12), TargetId(13)}));
}

// Every chunk's target must be among TargetsOf, or reclaim would leave chunks behind.
TEST(ClusterMapTest, TargetsOfCoverEveryChunk) {
  const auto map = MakeOrDie(ThreeNodes(64, 16));
  std::mt19937 random(20261125);
  for (int round = 0; round < 500; ++round) {
    const proto::Content content =
        ContentIn({.base = static_cast<uint32_t>(random() % 4 * 16), .count = 16}, random() % 16,
                  1 + random() % 40);
    const auto targets = map->TargetsOf(content);
    const uint32_t chunk = random();
    const auto route = map->Locate(content, chunk);
    ASSERT_TRUE(route.ok()) << route.status();
    ASSERT_TRUE(
        std::binary_search(targets.begin(), targets.end(), TargetId(route->members[0].target_id())))
        << content.ShortDebugString() << " chunk " << chunk;
  }
}

struct Damage {
  const char* name;
  void (*apply)(proto::ClusterMap&);
};

class MalformedMapTest : public testing::TestWithParam<Damage> {};

TEST_P(MalformedMapTest, IsRefused) {
  proto::ClusterMap message = ThreeNodes(8, 0);
  GetParam().apply(message);
  EXPECT_EQ(ErrnoOf(ClusterMap::Make(std::move(message)).status()), EPROTO);
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedMapTest,
    testing::Values(
        Damage{"NodeIdZero", [](proto::ClusterMap& m) { m.mutable_nodes(0)->set_node_id(0); }},
        Damage{"NodeIdTwice", [](proto::ClusterMap& m) { m.mutable_nodes(0)->set_node_id(2); }},
        Damage{"TargetIdZero",
               [](proto::ClusterMap& m) { m.mutable_targets(0)->set_target_id(0); }},
        Damage{"TargetIdTwice",
               [](proto::ClusterMap& m) { m.mutable_targets(0)->set_target_id(12); }},
        Damage{"TargetOnUnknownNode",
               [](proto::ClusterMap& m) { m.mutable_targets(0)->set_node_id(9); }},
        Damage{"UnknownMember",
               [](proto::ClusterMap& m) {
                 m.mutable_pools(0)->mutable_groups(5)->mutable_members(0)->set_target_id(99);
               }},
        Damage{"TwoMembersOnOneNode",
               [](proto::ClusterMap& m) {
                 proto::Group* group = m.mutable_pools(0)->mutable_groups(5);
                 *group->add_members() = group->members(0);
               }},
        Damage{"NoGroups", [](proto::ClusterMap& m) { m.mutable_pools(0)->clear_groups(); }},
        Damage{"NotAPowerOfTwo", [](proto::ClusterMap& m) { m.mutable_pools(0)->add_groups(); }},
        Damage{"SetsNotAPowerOfTwo",
               [](proto::ClusterMap& m) {
                 m.mutable_pools(0)->add_groups();
                 m.mutable_pools(0)->set_groups_per_set(3);
               }},
        Damage{"PartOfASet",
               [](proto::ClusterMap& m) { m.mutable_pools(0)->set_groups_per_set(16); }},
        Damage{"PoolTwice", [](proto::ClusterMap& m) { *m.add_pools() = m.pools(0); }},
        Damage{"TooManyGroups",
               [](proto::ClusterMap& m) {
                 m.mutable_pools(0)->set_groups_per_set(8);
                 while (m.pools(0).groups_size() <= static_cast<int>(kMaxGroups)) {
                   m.mutable_pools(0)->add_groups();
                 }
               }}),
    [](const testing::TestParamInfo<Damage>& info) { return info.param.name; });

// Random bytes that still parse must be refused, or make a map on which every look-up is safe.
TEST(ClusterMapFuzz, DamagedMapsNeverBreakLookUps) {
  const std::string good = ThreeNodes(16, 8).SerializeAsString();
  std::mt19937 random(4711);
  int accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::string bytes = good;
    for (uint32_t i = 1 + random() % 3; i > 0; --i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    proto::ClusterMap message;
    if (!message.ParseFromString(bytes)) continue;
    const auto map = ClusterMap::Make(std::move(message));
    if (!map.ok()) {
      ASSERT_EQ(ErrnoOf(map.status()), EPROTO);
      continue;
    }
    ++accepted;
    proto::Content content;  // as damaged as may be
    content.set_first_group(random());
    content.set_width(random());
    content.set_group_base(random() % 3 == 0 ? random() : 8);
    content.set_group_count(random() % 3 == 0 ? random() : 8);
    for (const TargetId id : (*map)->TargetsOf(content)) {
      ASSERT_NE((*map)->FindTarget(id), nullptr);
    }
    const auto route = (*map)->Locate(content, random());
    if (!route.ok()) continue;
    ASSERT_FALSE(route->members.empty());
    ASSERT_NE((*map)->FindTarget(TargetId(route->members[0].target_id())), nullptr);
  }
  EXPECT_GT(accepted, 100);  // or the test tests nothing
}

}  // namespace
}  // namespace weft
