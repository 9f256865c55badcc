#include "storage-server/chunks/extents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "storage-server/chunks/testing/chunk_helpers.h"

namespace weft::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Extents, NeighboursBecomeOne) {
  EXPECT_THAT(ExtentsAt(4, std::vector<BlockRun>{{1, 10, 2}, {1, 12, 3}, {2, 15, 1}}),
              ElementsAre(Extent{4, {1, 10, 5}}, Extent{9, {2, 15, 1}}));
  const ExtentList list = {{0, {0, 0, 2}}, {4, {0, 4, 2}}};
  EXPECT_THAT(Replaced(list, {{2, {0, 2, 2}}}), ElementsAre(Extent{0, {0, 0, 6}}));
}

TEST(Extents, AHoleInTheMiddleSplits) {
  const ExtentList list = {{0, {7, 100, 10}}};
  EXPECT_THAT(WithHole(list, 3, 5), ElementsAre(Extent{0, {7, 100, 3}}, Extent{5, {7, 105, 5}}));
  EXPECT_THAT(WithHole(list, 0, 10), IsEmpty());
  EXPECT_THAT(WithHole(list, 10, 20), ElementsAre(Extent{0, {7, 100, 10}}));
}

TEST(Extents, SliceAndCounts) {
  const ExtentList list = {{0, {0, 0, 4}}, {4, {1, 0, 4}}, {10, {0, 50, 2}}};
  EXPECT_THAT(Slice(list, 2, 11),
              ElementsAre(Extent{2, {0, 2, 2}}, Extent{4, {1, 0, 4}}, Extent{10, {0, 50, 1}}));
  EXPECT_EQ(StoredBlocks(list), 10u);
  EXPECT_EQ(RangesWithoutHole(list), 2u);
  EXPECT_TRUE(IsStored(list, 7));
  EXPECT_FALSE(IsStored(list, 8));
}

TEST(BlockRuns, UnionAndDifference) {
  EXPECT_THAT(Union({{0, 5, 5}}, std::vector<BlockRun>{{0, 0, 5}, {1, 0, 1}}),
              ElementsAre(BlockRun{0, 0, 10}, BlockRun{1, 0, 1}));
  EXPECT_THAT(Difference({{0, 0, 10}, {1, 0, 4}}, {{0, 2, 3}, {0, 8, 4}, {1, 0, 4}}),
              ElementsAre(BlockRun{0, 0, 2}, BlockRun{0, 5, 3}));
  EXPECT_TRUE(Intersects(std::vector<BlockRun>{{0, 0, 4}}, std::vector<BlockRun>{{0, 3, 1}}));
  EXPECT_FALSE(Intersects(std::vector<BlockRun>{{0, 0, 4}}, std::vector<BlockRun>{{0, 4, 1}}));
  EXPECT_FALSE(Intersects(std::vector<BlockRun>{{0, 0, 4}}, std::vector<BlockRun>{{1, 0, 4}}));
}

// Against a map from block to place.
TEST(Extents, RandomChangesAgreeWithAMap) {
  const uint32_t seed = TestSeed();
  std::mt19937 random(seed);
  constexpr uint32_t kBlocks = 64;
  using Place = std::pair<uint32_t, uint32_t>;
  std::map<uint32_t, Place> model;
  ExtentList list;
  for (int i = 0; i < 2000; ++i) {
    const auto first = static_cast<uint32_t>(random() % kBlocks);
    const auto count = static_cast<uint32_t>(1 + random() % (kBlocks - first));
    if (random() % 3 == 0) {
      list = WithHole(list, first, first + count);
      model.erase(model.lower_bound(first), model.lower_bound(first + count));
    } else {
      const BlockRun run{static_cast<uint32_t>(random() % 2), static_cast<uint32_t>(random() % 100),
                         count};
      list = Replaced(list, {{first, run}});
      for (uint32_t b = 0; b < count; ++b) model[first + b] = {run.segment, run.block + b};
    }
    std::map<uint32_t, Place> found;
    for (const Extent& extent : list) {
      for (uint32_t b = 0; b < extent.run.count; ++b) {
        found[extent.chunk_block + b] = {extent.run.segment, extent.run.block + b};
      }
    }
    ASSERT_EQ(found, model) << "WEFT_SEED=" << seed;
    for (size_t e = 1; e < list.size(); ++e) {
      const Extent& a = list[e - 1];
      const bool joined = a.end() == list[e].chunk_block && a.run.segment == list[e].run.segment &&
                          a.run.block + a.run.count == list[e].run.block;
      ASSERT_TRUE(a.end() <= list[e].chunk_block && !joined) << "WEFT_SEED=" << seed;
    }
  }
}

TEST(BlockRuns, RandomDifferencesAgreeWithSets) {
  const uint32_t seed = TestSeed();
  std::mt19937 random(seed);
  const auto some_runs = [&random] {
    std::vector<BlockRun> runs;
    for (size_t n = random() % 6; n > 0; --n) {
      runs.push_back({static_cast<uint32_t>(random() % 2), static_cast<uint32_t>(random() % 40),
                      static_cast<uint32_t>(1 + random() % 12)});
    }
    return runs;
  };
  const auto blocks_of = [](const std::vector<BlockRun>& runs) {
    std::set<std::pair<uint32_t, uint32_t>> blocks;
    for (const BlockRun& run : runs) {
      for (uint32_t b = 0; b < run.count; ++b) blocks.emplace(run.segment, run.block + b);
    }
    return blocks;
  };
  for (int i = 0; i < 5000; ++i) {
    const std::vector<BlockRun> a = some_runs();
    const std::vector<BlockRun> b = some_runs();
    auto expected = blocks_of(a);
    for (const auto& block : blocks_of(b)) expected.erase(block);
    const std::vector<BlockRun> difference = Difference(a, b);
    ASSERT_EQ(blocks_of(difference), expected) << "WEFT_SEED=" << seed;
    ASSERT_EQ(CountBlocks(difference), expected.size()) << "WEFT_SEED=" << seed;
    ASSERT_EQ(Intersects(a, b), expected.size() != blocks_of(a).size()) << "WEFT_SEED=" << seed;
  }
}

}  // namespace
}  // namespace weft::storage
