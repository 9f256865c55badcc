#include "metadata-server/cluster/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

namespace weft::metadata {
namespace {

constexpr uint32_t kGroups = 1024;

std::vector<PlacementTarget> EqualNodes(uint32_t nodes, uint32_t targets_each = 1) {
  std::vector<PlacementTarget> targets;
  for (uint32_t i = 0; i < nodes * targets_each; ++i) {
    targets.push_back({TargetId(i + 1), NodeId(i / targets_each + 1), 1000});
  }
  return targets;
}

std::map<TargetId, uint64_t> Counts(const std::vector<Chain>& chains) {
  std::map<TargetId, uint64_t> counts;
  for (const Chain& chain : chains) {
    for (const TargetId id : chain) ++counts[id];
  }
  return counts;
}

std::map<TargetId, NodeId> NodeOf(const std::vector<PlacementTarget>& targets) {
  std::map<TargetId, NodeId> nodes;
  for (const PlacementTarget& target : targets) nodes[target.id] = target.node;
  return nodes;
}

// Groups whose leader is on the same node as that of the group before.
int Repeats(const std::vector<PlacementTarget>& targets, const std::vector<Chain>& chains) {
  const auto nodes = NodeOf(targets);
  int repeats = 0;
  for (size_t g = 1; g < chains.size(); ++g) {
    repeats += nodes.at(chains[g][0]) == nodes.at(chains[g - 1][0]) ? 1 : 0;
  }
  return repeats;
}

uint64_t Moved(const std::vector<Chain>& before, const std::vector<Chain>& after) {
  uint64_t moved = 0;
  for (size_t g = 0; g < after.size(); ++g) {
    for (const TargetId id : after[g]) {
      moved += std::count(before[g].begin(), before[g].end(), id) == 0 ? 1 : 0;
    }
  }
  return moved;
}

TEST(ApportionTest, IsProportionalAndExact) {
  EXPECT_EQ(Apportion({1, 1, 1}, 10), (std::vector<uint64_t>{4, 3, 3}));
  EXPECT_EQ(Apportion({3, 1}, 8), (std::vector<uint64_t>{6, 2}));
  EXPECT_EQ(Apportion({0, 5}, 3), (std::vector<uint64_t>{0, 3}));
  EXPECT_EQ(Apportion({0, 0}, 3), (std::vector<uint64_t>{0, 0}));
  EXPECT_EQ(Apportion({UINT64_MAX, UINT64_MAX}, 4), (std::vector<uint64_t>{2, 2}));
}

TEST(ApportionTest, ALightOneGetsAtLeastOne) {
  EXPECT_EQ(Apportion({1'000'000, 1}, 10), (std::vector<uint64_t>{9, 1}));
  EXPECT_EQ(Apportion({10, 1, 1}, 2), (std::vector<uint64_t>{2, 0, 0}));
}

TEST(PlacementTest, NoTargetsMakeEmptyChains) {
  const auto chains = Place({}, 4, 1, {});
  ASSERT_EQ(chains.size(), 4u);
  for (const Chain& chain : chains) EXPECT_TRUE(chain.empty());
}

TEST(PlacementTest, EqualNodesTakeTurns) {
  const auto targets = EqualNodes(4);
  const auto chains = Place(targets, kGroups, 1, {});
  for (size_t g = 0; g < kGroups; ++g) {
    std::set<TargetId> window;
    for (size_t i = 0; i < 4; ++i) window.insert(chains[(g + i) % kGroups][0]);
    ASSERT_EQ(window.size(), 4u) << "from group " << g;
  }
}

TEST(PlacementTest, NodesWithSeveralDisksTakeTurnsToo) {
  const auto targets = EqualNodes(4, 3);
  const auto chains = Place(targets, kGroups, 1, {});
  const auto nodes = NodeOf(targets);
  for (size_t g = 0; g + 4 <= kGroups; ++g) {
    std::set<NodeId> window;
    for (size_t i = 0; i < 4; ++i) window.insert(nodes.at(chains[g + i][0]));
    ASSERT_EQ(window.size(), 4u) << "from group " << g;
  }
  for (const auto& [id, count] : Counts(chains)) EXPECT_NEAR(count, kGroups / 12.0, 1.0) << id;
}

TEST(PlacementTest, ANewNodeTakesItsShareAndNothingElseMoves) {
  auto chains = Place(EqualNodes(1), kGroups, 1, {});
  for (uint32_t nodes = 2; nodes <= 12; ++nodes) {
    SCOPED_TRACE(nodes);
    const auto targets = EqualNodes(nodes);
    const auto next = Place(targets, kGroups, 1, chains);
    const uint64_t share = Counts(next).at(TargetId(nodes));
    EXPECT_NEAR(share, kGroups / static_cast<double>(nodes), 1.0);
    EXPECT_EQ(Moved(chains, next), share);
    EXPECT_LE(Repeats(targets, next), kGroups / 50);
    chains = next;
  }
}

TEST(PlacementTest, AGoneTargetsGroupsAreSpread) {
  const auto before = Place(EqualNodes(5), kGroups, 1, {});
  auto targets = EqualNodes(5);
  targets.erase(targets.begin() + 2);
  const auto after = Place(targets, kGroups, 1, before);
  EXPECT_EQ(Moved(before, after), Counts(before).at(TargetId(3)));
  for (const auto& [id, count] : Counts(after)) EXPECT_EQ(count, kGroups / 4) << id;
}

TEST(PlacementTest, AHeavyNodeIsInEveryChainOnce) {
  auto targets = EqualNodes(3);
  targets[0].weight = 1'000'000;
  const auto chains = Place(targets, kGroups, 2, {});
  EXPECT_EQ(Counts(chains).at(TargetId(1)), kGroups);
  EXPECT_EQ(Counts(chains).at(TargetId(2)), kGroups / 2);
}

TEST(PlacementTest, FewerNodesThanReplicasMakeShorterChains) {
  for (const Chain& chain : Place(EqualNodes(2), kGroups, 3, {})) EXPECT_EQ(chain.size(), 2u);
}

// With one replica: shares are exact, and only what has to move moves.
void CheckSingles(const std::vector<PlacementTarget>& targets, uint64_t weight,
                  const std::vector<Chain>& previous, const std::vector<Chain>& chains) {
  auto counts = Counts(chains);
  auto before = Counts(previous);
  uint64_t must_move = 0;
  uint64_t known = 0;
  for (const auto& target : targets) {
    const double share = static_cast<double>(kGroups) * static_cast<double>(target.weight) /
                         static_cast<double>(weight);
    EXPECT_NEAR(static_cast<double>(counts[target.id]), share, 2.0) << target.id;
    must_move += before[target.id] - std::min(before[target.id], counts[target.id]);
    known += before[target.id];
  }
  if (previous.size() == kGroups && previous[0].size() == 1) {
    must_move += kGroups - known;
    EXPECT_EQ(Moved(previous, chains), must_move);
  }
}

// Random clusters that grow, shrink and change weights.
class PlacementProperties : public testing::TestWithParam<uint32_t> {
 protected:
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  std::vector<PlacementTarget> RandomTargets() {
    std::vector<PlacementTarget> targets;
    const uint32_t nodes = 1 + Below(12);
    uint32_t id = 1;
    for (uint32_t node = 1; node <= nodes; ++node) {
      for (uint32_t i = 1 + Below(4); i > 0; --i) {
        if (Below(8) != 0) targets.push_back({TargetId(id), NodeId(node), 500 + Below(1500)});
        ++id;
      }
    }
    return targets;
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(PlacementProperties, Hold) {
  const uint32_t replicas = 1 + Below(3);
  std::vector<Chain> previous;
  for (int step = 0; step < 6; ++step) {
    SCOPED_TRACE("replicas " + std::to_string(replicas) + ", step " + std::to_string(step));
    auto targets = RandomTargets();
    const auto nodes = NodeOf(targets);
    std::set<NodeId> distinct;
    uint64_t weight = 0;
    for (const auto& target : targets) {
      distinct.insert(target.node);
      weight += target.weight;
    }
    const auto chains = Place(targets, kGroups, replicas, previous);
    ASSERT_EQ(chains.size(), kGroups);
    const size_t length = std::min<size_t>(replicas, distinct.size());
    for (const Chain& chain : chains) {
      ASSERT_EQ(chain.size(), length);
      std::set<NodeId> members;
      for (const TargetId id : chain) members.insert(nodes.at(id));
      ASSERT_EQ(members.size(), length);
    }
    std::vector<PlacementTarget> shuffled = targets;
    std::shuffle(shuffled.begin(), shuffled.end(), random_);
    EXPECT_EQ(Place(shuffled, kGroups, replicas, previous), chains);
    if (length > 0) {
      const uint64_t moved = Moved(chains, Place(targets, kGroups, replicas, chains));
      EXPECT_LE(moved, length == 1 ? 0 : kGroups * length / 20) << "although nothing changed";
    }
    if (length == 1) CheckSingles(targets, weight, previous, chains);
    previous = chains;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PlacementProperties, testing::Range(1u, 60u));

}  // namespace
}  // namespace weft::metadata
