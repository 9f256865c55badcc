#include "metadata-server/namespace/id_allocator.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "common/status.h"
#include "metadata-server/namespace/testing/crashing_kv_store.h"

namespace weft::metadata {
namespace {

constexpr uint64_t kEnd = uint64_t{1} << 52;

std::unique_ptr<IdAllocator> Load(KvStore* store, uint64_t end = kEnd) {
  auto ids = IdAllocator::Load(store, "ids", 2, end);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return *std::move(ids);
}

TEST(IdAllocatorTest, BeginsAtFirstAndCounts) {
  const auto store = NewMemoryKvStore();
  const auto ids = Load(store.get());
  EXPECT_EQ(*ids->Next(), 2u);
  EXPECT_EQ(*ids->Next(), 3u);
}

TEST(IdAllocatorTest, NeverGivesAnIdTwiceOverRestarts) {
  const auto store = NewMemoryKvStore();
  std::set<uint64_t> given;
  for (int run = 0; run < 3; ++run) {
    const auto ids = Load(store.get());
    // Over the end of one range.
    for (uint64_t i = 0; i < kIdRange + 10; ++i) EXPECT_TRUE(given.insert(*ids->Next()).second);
  }
}

TEST(IdAllocatorTest, GivesNoIdWithoutAMarkInTheStore) {
  const auto memory = NewMemoryKvStore();
  CrashingKvStore store(memory.get());
  const auto ids = Load(&store);
  store.CrashAfter(0);
  EXPECT_EQ(ErrnoOf(ids->Next().status()), EIO);
}

TEST(IdAllocatorTest, EndsWithTheLastId) {
  const auto store = NewMemoryKvStore();
  const auto ids = Load(store.get(), 4);
  EXPECT_EQ(*ids->Next(), 2u);
  EXPECT_EQ(*ids->Next(), 3u);
  EXPECT_EQ(ErrnoOf(ids->Next().status()), ENOSPC);
}

TEST(IdAllocatorTest, RefusesADamagedMark) {
  const auto store = NewMemoryKvStore();
  Batch batch;
  batch.Put(Family::kMeta, "ids", "short");
  ASSERT_TRUE(store->Commit(batch).ok());
  EXPECT_EQ(ErrnoOf(IdAllocator::Load(store.get(), "ids", 2, kEnd).status()), EIO);
}

TEST(IdAllocatorTest, ThreadsGetDifferentIds) {
  constexpr size_t kThreads = 4;
  constexpr size_t kIds = 20'000;
  const auto store = NewMemoryKvStore();
  const auto ids = Load(store.get());
  std::vector<std::vector<uint64_t>> given(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<uint64_t>& mine : given) {
    threads.emplace_back([&ids, &mine] {
      for (size_t i = 0; i < kIds; ++i) mine.push_back(*ids->Next());
    });
  }
  std::set<uint64_t> all;
  for (size_t i = 0; i < kThreads; ++i) {
    threads[i].join();
    all.insert(given[i].begin(), given[i].end());
  }
  EXPECT_EQ(all.size(), kThreads * kIds);
}

}  // namespace
}  // namespace weft::metadata
