// Who may use which block when: allocator, quarantine, and what is held for a power loss.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "common/testing/manual_clock.h"
#include "storage-server/chunks/block_allocator.h"
#include "storage-server/chunks/quarantine.h"
#include "storage-server/chunks/superseded.h"
#include "storage-server/chunks/testing/chunk_helpers.h"

namespace weft::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(BlockAllocator, OneRunNextFit) {
  BlockAllocator allocator(0);
  allocator.AddSegment(0, 200);
  EXPECT_THAT(allocator.AllocateRun(100, Claim::kOrdinary), ElementsAre(BlockRun{0, 0, 100}));
  allocator.Free(std::vector<BlockRun>{{0, 0, 100}});
  EXPECT_THAT(allocator.AllocateRun(90, Claim::kOrdinary), ElementsAre(BlockRun{0, 100, 90}));
  EXPECT_THAT(allocator.AllocateRun(90, Claim::kOrdinary), ElementsAre(BlockRun{0, 0, 90}));
  EXPECT_THAT(allocator.AllocateRun(20, Claim::kOrdinary), IsEmpty());
  EXPECT_THAT(allocator.AllocateAny(20, Claim::kOrdinary),
              ElementsAre(BlockRun{0, 90, 10}, BlockRun{0, 190, 10}));
  EXPECT_EQ(allocator.free_blocks(), 0u);
}

TEST(BlockAllocator, TheReserveIsForThoseWhoMayTakeIt) {
  BlockAllocator allocator(10);
  allocator.AddSegment(0, 64);
  EXPECT_THAT(allocator.AllocateRun(55, Claim::kOrdinary), IsEmpty());
  EXPECT_FALSE(allocator.AllocateRun(54, Claim::kOrdinary).empty());
  EXPECT_THAT(allocator.AllocateAny(1, Claim::kOrdinary), IsEmpty());
  EXPECT_FALSE(allocator.AllocateRun(10, Claim::kReserve).empty());
}

TEST(BlockAllocator, TakesABlockOnce) {
  BlockAllocator allocator(0);
  allocator.AddSegment(1, 100);
  EXPECT_TRUE(allocator.Take({1, 60, 10}));
  EXPECT_FALSE(allocator.Take({1, 69, 1}));
  EXPECT_FALSE(allocator.Take({1, 95, 6}));
  EXPECT_FALSE(allocator.Take({0, 0, 1}));
  EXPECT_FALSE(allocator.Take({2, 0, 1}));
  EXPECT_EQ(allocator.free_blocks(), 90u);
}

TEST(BlockAllocator, RandomUseNeverGivesABlockTwice) {
  const uint32_t seed = TestSeed();
  std::mt19937 random(seed);
  BlockAllocator allocator(0);
  constexpr uint32_t kSegments = 3;
  constexpr uint32_t kBlocks = 333;
  for (uint32_t segment = 0; segment < kSegments; ++segment) allocator.AddSegment(segment, kBlocks);
  std::set<std::pair<uint32_t, uint32_t>> taken;
  std::vector<BlockRun> held;
  for (int i = 0; i < 5000; ++i) {
    if (random() % 2 == 0) {
      const auto count = static_cast<uint32_t>(1 + random() % 80);
      const std::vector<BlockRun> runs = random() % 2 == 0
                                             ? allocator.AllocateRun(count, Claim::kOrdinary)
                                             : allocator.AllocateAny(count, Claim::kOrdinary);
      if (runs.empty()) continue;
      ASSERT_EQ(CountBlocks(runs), count);
      for (const BlockRun& run : runs) {
        ASSERT_LE(run.block + run.count, kBlocks);
        for (uint32_t b = 0; b < run.count; ++b) {
          ASSERT_TRUE(taken.emplace(run.segment, run.block + b).second) << "WEFT_SEED=" << seed;
        }
        held.push_back(run);
      }
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      const BlockRun run = held.back();
      held.pop_back();
      allocator.Free(std::vector<BlockRun>{run});
      for (uint32_t b = 0; b < run.count; ++b) taken.erase({run.segment, run.block + b});
    }
    ASSERT_EQ(allocator.free_blocks(), kSegments * kBlocks - taken.size()) << "WEFT_SEED=" << seed;
  }
}

class QuarantineTest : public testing::Test {
 protected:
  ManualClock clock_;
  Quarantine quarantine_{&clock_};
  const std::vector<BlockRun> a_{{0, 0, 4}};
  const std::vector<BlockRun> b_{{0, 4, 4}};
};

TEST_F(QuarantineTest, BlocksComeBackAfterTheTime) {
  quarantine_.Add(a_);
  clock_.Advance(Quarantine::kTime - std::chrono::nanoseconds(1));
  EXPECT_THAT(quarantine_.TakeDue(), IsEmpty());
  EXPECT_EQ(quarantine_.blocks(), 4u);
  clock_.Advance(std::chrono::nanoseconds(1));
  EXPECT_EQ(quarantine_.TakeDue(), a_);
  EXPECT_EQ(quarantine_.blocks(), 0u);
}

TEST_F(QuarantineTest, ShortageCutsTheTimeButNotAReadOfTheseBlocks) {
  const uint64_t read = quarantine_.BeginRead();
  quarantine_.SetRuns(read, {{0, 3, 1}});
  quarantine_.Add(a_);
  quarantine_.Add(b_);
  EXPECT_EQ(quarantine_.TakeAll(), b_);
  clock_.Advance(Quarantine::kTime * 2);
  EXPECT_THAT(quarantine_.TakeDue(), IsEmpty());
  quarantine_.EndRead(read);
  EXPECT_EQ(quarantine_.TakeAll(), a_);
}

TEST_F(QuarantineTest, AReadThatDoesNotYetKnowItsBlocksHoldsAll) {
  const uint64_t read = quarantine_.BeginRead();
  quarantine_.Add(a_);
  EXPECT_THAT(quarantine_.TakeAll(), IsEmpty());
  quarantine_.EndRead(read);
  EXPECT_EQ(quarantine_.TakeAll(), a_);
}

TEST_F(QuarantineTest, AReadThatBeganLaterHoldsNothing) {
  quarantine_.Add(a_);
  const uint64_t read = quarantine_.BeginRead();
  EXPECT_EQ(quarantine_.TakeAll(), a_);
  quarantine_.EndRead(read);
}

TEST_F(QuarantineTest, AHeldEntryDoesNotStopThoseBehindIt) {
  const uint64_t read = quarantine_.BeginRead();
  quarantine_.SetRuns(read, a_);
  quarantine_.Add(a_);
  quarantine_.Add(b_);
  clock_.Advance(Quarantine::kTime);
  EXPECT_EQ(quarantine_.TakeDue(), b_);
  quarantine_.EndRead(read);
  clock_.Advance(Quarantine::kTime);
  EXPECT_EQ(quarantine_.TakeDue(), a_);
}

struct Version {
  uint64_t epoch;
  friend bool operator==(const Version&, const Version&) = default;
};

TEST(NeededAfter, KeepsOneOfEachKind) {
  const auto needed = [](std::vector<Version> replaced, uint64_t epoch, uint64_t completed) {
    return NeededAfter(std::move(replaced), epoch, completed);
  };
  EXPECT_THAT(needed({{5}}, 6, 5), ElementsAre(Version{5}));
  EXPECT_THAT(needed({{6}, {5}}, 6, 5), ElementsAre(Version{5})) << "same epoch";
  EXPECT_THAT(needed({{6}, {5}}, 7, 5), ElementsAre(Version{6}, Version{5})) << "sync is running";
  EXPECT_THAT(needed({{6}, {5}}, 7, 6), ElementsAre(Version{6})) << "5 is superseded for good";
  EXPECT_THAT(needed({{7}, {6}, {5}}, 7, 5), ElementsAre(Version{6}, Version{5}));
  EXPECT_THAT(needed({}, 7, 5), IsEmpty());
}

const ChunkId kChunk{ContentId(1), 0};

TEST(SupersededBlocks, ADurableVersionIsHeldUntilItsSuccessorIsDurable) {
  SupersededBlocks held(5);
  EXPECT_THAT(held.Replace(kChunk, {5, {{0, 0, 4}}}, {6, {{0, 2, 4}}}), IsEmpty());
  EXPECT_EQ(held.size(), 1u);
  EXPECT_THAT(held.Complete(6), ElementsAre(BlockRun{0, 0, 2}));
  EXPECT_EQ(held.size(), 0u);
  EXPECT_THAT(held.Complete(7), IsEmpty());
}

TEST(SupersededBlocks, AnUnsyncedVersionIsFreeAtOnceButForWhatOthersShare) {
  SupersededBlocks held(5);
  EXPECT_THAT(held.Replace(kChunk, {5, {{0, 0, 4}}}, {6, {{0, 2, 2}, {0, 10, 4}}}), IsEmpty());
  EXPECT_THAT(held.Replace(kChunk, {6, {{0, 2, 2}, {0, 10, 4}}}, {6, {{0, 12, 2}, {0, 20, 1}}}),
              ElementsAre(BlockRun{0, 10, 2}));
  EXPECT_THAT(held.Complete(6), ElementsAre(BlockRun{0, 0, 4}));
}

TEST(SupersededBlocks, WhileASyncRunsItsVersionAndTheDurableOneAreHeld) {
  SupersededBlocks held(5);
  EXPECT_THAT(held.Replace(kChunk, {5, {{0, 0, 1}}}, {6, {{0, 1, 1}}}), IsEmpty());
  EXPECT_THAT(held.Replace(kChunk, {6, {{0, 1, 1}}}, {7, {{0, 2, 1}}}), IsEmpty());
  EXPECT_THAT(held.Complete(6), ElementsAre(BlockRun{0, 0, 1}));
  EXPECT_THAT(held.Complete(7), ElementsAre(BlockRun{0, 1, 1}));
}

TEST(SupersededBlocks, RemovedChunksAreHeldUntilTheRemovalIsDurable) {
  SupersededBlocks held(5);
  EXPECT_THAT(held.Replace(kChunk, {5, {{0, 0, 1}}}, {6, {{0, 1, 1}}}), IsEmpty());
  held.Remove(kChunk, {6, {{0, 1, 1}}}, 7);
  EXPECT_THAT(held.Complete(6), IsEmpty());
  EXPECT_THAT(held.Complete(7), UnorderedElementsAre(BlockRun{0, 0, 2}));
}

}  // namespace
}  // namespace weft::storage
