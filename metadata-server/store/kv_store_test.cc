// The contract of KvStore, for every implementation.
#include "metadata-server/store/kv_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/status.h"
#include "metadata-server/store/counters.h"
#include "metadata-server/store/testing/temporary_directory.h"

namespace weft::metadata {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

enum class Kind { kMemory, kRocks, kRocksSyncedEachTime };

class KvStoreTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kMemory) {
      store_ = NewMemoryKvStore();
      return;
    }
    RocksKvOptions options;
    options.directory = directory_.path() + "/store";
    if (GetParam() == Kind::kRocksSyncedEachTime) options.sync_interval = {};
    auto store = OpenRocksKvStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Put(Family family, std::string_view key, std::string_view value) {
    Batch batch;
    batch.Put(family, key, value);
    ASSERT_TRUE(store_->Commit(batch).ok());
  }

  Rows Scan(Family family, std::string_view prefix, std::string_view first = {},
            size_t limit = SIZE_MAX) {
    Rows rows;
    const absl::Status status =
        store_->Scan(family, prefix, first, [&](std::string_view key, std::string_view value) {
          rows.emplace_back(key, value);
          return rows.size() < limit;
        });
    EXPECT_TRUE(status.ok()) << status;
    return rows;
  }

  void Add(std::string_view key, const std::vector<int64_t>& addends) {
    Batch batch;
    batch.Add(Family::kQuotaUse, key, addends);
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  std::pair<int64_t, int64_t> Counters(std::string_view key) {
    const auto row = store_->Get(Family::kQuotaUse, key);
    EXPECT_TRUE(row.ok()) << row.status();
    return {ReadCounter(*row, 0), ReadCounter(*row, 1)};
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<KvStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, KvStoreTest,
                         testing::Values(Kind::kMemory, Kind::kRocks, Kind::kRocksSyncedEachTime));

TEST_P(KvStoreTest, GetsWhatWasPut) {
  const std::string binary("k\0\xff", 3);
  Put(Family::kInode, binary, "value");
  Put(Family::kInode, "empty", "");
  EXPECT_EQ(*store_->Get(Family::kInode, binary), "value");
  EXPECT_EQ(*store_->Get(Family::kInode, "empty"), "");
  Put(Family::kInode, binary, "other");
  EXPECT_EQ(*store_->Get(Family::kInode, binary), "other");
}

TEST_P(KvStoreTest, WhatIsNotThereIsEnoent) {
  Put(Family::kInode, "key", "value");
  EXPECT_EQ(ErrnoOf(store_->Get(Family::kInode, "ke").status()), ENOENT);
  EXPECT_EQ(ErrnoOf(store_->Get(Family::kDentry, "key").status()), ENOENT) << "families are apart";
}

TEST_P(KvStoreTest, DeletesAlsoWhatIsNotThere) {
  Put(Family::kInode, "key", "value");
  Batch batch;
  batch.Delete(Family::kInode, "key");
  batch.Delete(Family::kInode, "never");
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(ErrnoOf(store_->Get(Family::kInode, "key").status()), ENOENT);
}

TEST_P(KvStoreTest, ABatchAppliesInOrder) {
  Batch batch;
  batch.Put(Family::kInode, "a", "1");
  batch.Delete(Family::kInode, "a");
  batch.Delete(Family::kInode, "b");
  batch.Put(Family::kInode, "b", "1");
  batch.Put(Family::kInode, "b", "2");
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(Scan(Family::kInode, ""), (Rows{{"b", "2"}}));
}

TEST_P(KvStoreTest, AnEmptyBatchIsFine) { EXPECT_TRUE(store_->Commit(Batch()).ok()); }

TEST_P(KvStoreTest, EveryFamilyKeepsItsOwn) {
  for (size_t i = 0; i < kFamilyCount; ++i) {
    if (HasCounters(static_cast<Family>(i))) continue;
    Put(static_cast<Family>(i), "key", std::to_string(i));
  }
  for (size_t i = 0; i < kFamilyCount; ++i) {
    if (HasCounters(static_cast<Family>(i))) continue;
    EXPECT_EQ(Scan(static_cast<Family>(i), ""), (Rows{{"key", std::to_string(i)}}));
  }
}

TEST_P(KvStoreTest, KeepsLargeValues) {
  const std::string large(1 << 20, 'x');
  const std::string small(10, 'y');
  Put(Family::kInline, "large", large);
  Put(Family::kInline, "small", small);
  EXPECT_EQ(*store_->Get(Family::kInline, "large"), large);
  EXPECT_EQ(Scan(Family::kInline, ""), (Rows{{"large", large}, {"small", small}}));
}

TEST_P(KvStoreTest, ScansAPrefixInByteOrder) {
  for (const char* key : {"b2", "a", "b", "b\xff", "c", "b1"}) Put(Family::kDentry, key, key);
  EXPECT_EQ(Scan(Family::kDentry, "b"),
            (Rows{{"b", "b"}, {"b1", "b1"}, {"b2", "b2"}, {"b\xff", "b\xff"}}));
  EXPECT_EQ(Scan(Family::kDentry, "").size(), 6u);
  EXPECT_TRUE(Scan(Family::kDentry, "bb").empty());
}

TEST_P(KvStoreTest, AScanBeginsAtFirst) {
  for (const char* key : {"b1", "b2", "b3", "c"}) Put(Family::kDentry, key, "");
  EXPECT_EQ(Scan(Family::kDentry, "b", "b2"), (Rows{{"b2", ""}, {"b3", ""}}));
  EXPECT_EQ(Scan(Family::kDentry, "b", std::string("b2\0", 3)), (Rows{{"b3", ""}}));
  EXPECT_EQ(Scan(Family::kDentry, "b", "a").size(), 3u) << "first lies before the prefix";
  EXPECT_TRUE(Scan(Family::kDentry, "b", "c").empty()) << "first lies behind the prefix";
}

TEST_P(KvStoreTest, AScanOfThePrefixFfReachesTheEnd) {
  const std::string ff("\xff\xff", 2);
  Put(Family::kDentry, "a", "");
  Put(Family::kDentry, ff, "");
  Put(Family::kDentry, ff + "z", "");
  EXPECT_EQ(Scan(Family::kDentry, ff), (Rows{{ff, ""}, {ff + "z", ""}}));
}

TEST_P(KvStoreTest, AScanStopsWhenToldTo) {
  for (const char* key : {"1", "2", "3"}) Put(Family::kDentry, key, "");
  EXPECT_EQ(Scan(Family::kDentry, "", "", 2).size(), 2u);
}

TEST_P(KvStoreTest, AScanSeesOneMoment) {
  for (int i = 0; i < 10; ++i) Put(Family::kDentry, std::to_string(i), "old");
  int visited = 0;
  const absl::Status status =
      store_->Scan(Family::kDentry, "", "", [&](std::string_view, std::string_view value) {
        if (visited++ == 0) {
          Batch batch;
          batch.Delete(Family::kDentry, "5");
          batch.Put(Family::kDentry, "6", "new");
          batch.Put(Family::kDentry, "99", "new");
          EXPECT_TRUE(store_->Commit(batch).ok());
          EXPECT_EQ(*store_->Get(Family::kDentry, "6"), "new");
        }
        EXPECT_EQ(value, "old");
        return true;
      });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(visited, 10);
}

TEST_P(KvStoreTest, AddsToCounters) {
  Add("a", {5, -3});
  Add("a", {INT64_C(-1) << 40, 1});
  Add("b", {1});
  Add("b", {1, 7});
  EXPECT_EQ(Counters("a"), std::make_pair(5 - (INT64_C(1) << 40), INT64_C(-2)));
  EXPECT_EQ(Counters("b"), std::make_pair(INT64_C(2), INT64_C(7)));
  EXPECT_EQ(Scan(Family::kQuotaUse, "").size(), 2u);
}

TEST_P(KvStoreTest, DeletedCountersStartAtZero) {
  Add("a", {5, 5});
  Batch batch;
  batch.Add(Family::kQuotaUse, "a", std::vector<int64_t>{1, 1});
  batch.Delete(Family::kQuotaUse, "a");
  batch.Add(Family::kQuotaUse, "a", std::vector<int64_t>{2, 3});
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(Counters("a"), std::make_pair(INT64_C(2), INT64_C(3)));
}

TEST_P(KvStoreTest, AdditionsOfManyThreadsAllCount) {
  constexpr int kThreads = 8;
  constexpr int kCommits = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < kCommits; ++i) Add("hot", {3, -1});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Counters("hot"),
            std::make_pair(INT64_C(3) * kThreads * kCommits, INT64_C(-1) * kThreads * kCommits));
}

TEST_P(KvStoreTest, ManyThreadsCommitAndSync) {
  constexpr int kThreads = 8;
  constexpr int kCommits = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kCommits; ++i) {
        Batch batch;
        // Two rows that must never be seen apart.
        batch.Put(Family::kInode, "t" + std::to_string(t), std::to_string(i));
        batch.Put(Family::kXattr, "t" + std::to_string(t), std::to_string(i));
        ASSERT_TRUE(store_->Commit(batch).ok());
        if (i % 10 == 0) ASSERT_TRUE(store_->Sync().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Scan(Family::kInode, "t").size(), size_t{kThreads});
  EXPECT_EQ(Scan(Family::kInode, "t"), Scan(Family::kXattr, "t"));
}

TEST_P(KvStoreTest, IsHealthy) {
  EXPECT_TRUE(store_->Sync().ok());
  EXPECT_EQ(store_->fault(), "");
  EXPECT_NE(store_->durability_id(), "");
}

}  // namespace
}  // namespace weft::metadata
