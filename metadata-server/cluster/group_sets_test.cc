#include "metadata-server/cluster/group_sets.h"

#include <gtest/gtest.h>

#include "common/limits.h"

namespace weft::metadata {
namespace {

constexpr uint32_t kPerSet = 8;

std::vector<PlacementTarget> Targets(uint32_t count) {
  std::vector<PlacementTarget> targets;
  for (uint32_t i = 1; i <= count; ++i) targets.push_back({TargetId(i), NodeId(i), 100});
  return targets;
}

proto::Pool EmptyPool(uint32_t groups = kPerSet) {
  proto::Pool pool;
  pool.set_replicas(1);
  pool.set_groups_per_set(kPerSet);
  for (uint32_t i = 0; i < groups; ++i) pool.add_groups()->set_epoch(1);
  return pool;
}

proto::Pool Grown(const proto::Pool& pool, uint32_t used_groups, uint32_t targets, uint64_t epoch) {
  const auto grown = WithNewChains(pool, used_groups, Targets(targets), epoch);
  EXPECT_TRUE(grown.ok()) << grown.status();
  return grown.ok() ? **grown : proto::Pool();
}

TEST(GroupSetsTest, AnEmptySetIsFilledEvenIfItIsUsed) {
  const proto::Pool pool = Grown(EmptyPool(), kPerSet, 2, 5);
  ASSERT_EQ(pool.groups_size(), static_cast<int>(kPerSet));
  for (const proto::Group& group : pool.groups()) {
    EXPECT_EQ(group.epoch(), 5u);
    ASSERT_EQ(group.members_size(), 1);
    EXPECT_EQ(group.members(0).state(), proto::SERVING);
  }
}

TEST(GroupSetsTest, AnUnusedSetIsReplacedAndUnchangedChainsKeepTheirEpoch) {
  const proto::Pool before = Grown(EmptyPool(), 0, 1, 5);
  const proto::Pool after = Grown(before, 0, 2, 6);
  ASSERT_EQ(after.groups_size(), static_cast<int>(kPerSet));
  for (const proto::Group& group : after.groups()) {
    EXPECT_EQ(group.epoch(), group.members(0).target_id() == 1 ? 5u : 6u);
  }
  EXPECT_TRUE(NewestSetUses(after, {TargetId(1), TargetId(2)}));
}

TEST(GroupSetsTest, AUsedSetStaysAndAnotherIsAppended) {
  const proto::Pool before = Grown(EmptyPool(), 0, 1, 5);
  EXPECT_FALSE(NewestSetUses(before, {TargetId(2)}));
  const proto::Pool after = Grown(before, kPerSet, 2, 6);
  ASSERT_EQ(after.groups_size(), static_cast<int>(2 * kPerSet));
  for (int i = 0; i < static_cast<int>(kPerSet); ++i) {
    EXPECT_EQ(after.groups(i).SerializeAsString(), before.groups(i).SerializeAsString());
  }
  EXPECT_TRUE(NewestSetUses(after, {TargetId(1), TargetId(2)}));
}

TEST(GroupSetsTest, GrowthEndsAtTheBound) {
  proto::Pool pool = EmptyPool(kMaxGroups - kPerSet);
  pool = Grown(pool, 0, 1, 5);
  pool = Grown(pool, kMaxGroups - kPerSet, 2, 6);
  ASSERT_EQ(pool.groups_size(), static_cast<int>(kMaxGroups));
  EXPECT_EQ(WithNewChains(pool, kMaxGroups, Targets(3), 7).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(WithNewChains(pool, kMaxGroups - kPerSet, Targets(3), 7).ok()) << "it is unused";
}

}  // namespace
}  // namespace weft::metadata
