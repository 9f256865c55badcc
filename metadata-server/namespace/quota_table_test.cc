// Charges and their limits; what namespaces make of them: quota_test.cc.
#include "metadata-server/namespace/quota_table.h"

#include <gtest/gtest.h>

#include <memory>

#include "metadata-server/namespace/keys.h"
#include "metadata-server/store/counters.h"

namespace weft::metadata {
namespace {

constexpr InodeId kOuter{10};
constexpr InodeId kInner{20};

class QuotaTableTest : public testing::Test {
 protected:
  QuotaTableTest() {
    Put(kOuter, InodeId(), 100, 10);
    Put(kInner, kOuter, 50, 0);
  }

  void Put(InodeId id, InodeId parent, uint64_t bytes, uint64_t inodes) {
    QuotaRecord record;
    record.set_state(QuotaRecord::ACTIVE);
    record.set_parent_id(parent.value());
    record.set_limit_bytes(bytes);
    record.set_limit_inodes(inodes);
    Batch batch;
    batch.Put(Family::kQuota, InodeKey(id), record.SerializeAsString());
    ASSERT_TRUE(store_->Commit(batch).ok());
    QuotaTable::Alone(&table_).Put(id, record);
  }
  // Charges and commits; false: a limit is in the way.
  bool Use(InodeId id, QuotaUse use) {
    QuotaCharge charge(&table_);
    if (charge.Begin({{id, use}}, QuotaTable::Limits::kEnforce)) return false;
    Batch batch;
    charge.AddTo(&batch);
    EXPECT_TRUE(store_->Commit(batch).ok());
    charge.Commit();
    return true;
  }
  QuotaUse Used(InodeId id) { return table_.Get(id)->use; }
  QuotaUse Stored(InodeId id) {
    const auto row = store_->Get(Family::kQuotaUse, InodeKey(id));
    return row.ok() ? QuotaUse{.bytes = ReadCounter(*row, 0), .inodes = ReadCounter(*row, 1)}
                    : QuotaUse();
  }

  const std::unique_ptr<KvStore> store_ = NewMemoryKvStore();
  QuotaTable table_;
};

TEST_F(QuotaTableTest, AChargeCountsInAllQuotasAbove) {
  EXPECT_TRUE(Use(kInner, {.bytes = 30, .inodes = 1}));
  EXPECT_TRUE(Use(kOuter, {.bytes = 30, .inodes = 2}));
  EXPECT_EQ(Used(kInner), (QuotaUse{.bytes = 30, .inodes = 1}));
  EXPECT_EQ(Used(kOuter), (QuotaUse{.bytes = 60, .inodes = 3}));
  EXPECT_EQ(Stored(kInner), Used(kInner));
  EXPECT_EQ(Stored(kOuter), Used(kOuter));
  EXPECT_FALSE(Use(kInner, {.bytes = 21})) << "the inner limit";
  EXPECT_TRUE(Use(kOuter, {.bytes = 30}));
  EXPECT_FALSE(Use(kInner, {.bytes = 11})) << "the outer limit";
  EXPECT_TRUE(Use(kInner, {.bytes = 10}));
}

TEST_F(QuotaTableTest, WhatTakesNothingIsNeverRefused) {
  EXPECT_TRUE(Use(kInner, {.bytes = 50, .inodes = 10}));
  Put(kOuter, InodeId(), 20, 5);
  EXPECT_TRUE(Use(kInner, {.bytes = -10}));
  EXPECT_TRUE(Use(kInner, {.bytes = -10, .inodes = -1}));
  EXPECT_FALSE(Use(kInner, {.bytes = 1, .inodes = -1}));
}

TEST_F(QuotaTableTest, BeforeTheCommitAdditionsCountAndReductionsDoNot) {
  ASSERT_TRUE(Use(kInner, {.bytes = 40, .inodes = 1}));
  {
    QuotaCharge adds(&table_);
    EXPECT_FALSE(adds.Begin({{kInner, {.bytes = 5}}}, QuotaTable::Limits::kEnforce));
    QuotaCharge frees(&table_);
    EXPECT_FALSE(frees.Begin({{kInner, {.bytes = -20}}}, QuotaTable::Limits::kEnforce));
    EXPECT_EQ(Used(kInner).bytes, 45);
  }
  EXPECT_EQ(Used(kInner).bytes, 40) << "neither was committed";
}

TEST_F(QuotaTableTest, AMoveBetweenQuotasCostsTheCommonOneNothing) {
  ASSERT_TRUE(Use(kOuter, {.bytes = 100, .inodes = 10}));
  QuotaCharge charge(&table_);
  const QuotaDeltas move = {{kOuter, {.bytes = -10, .inodes = -1}},
                            {kInner, {.bytes = 10, .inodes = 1}}};
  EXPECT_FALSE(charge.Begin(move, QuotaTable::Limits::kEnforce)) << "the outer one is full";
  charge.Commit();
  EXPECT_EQ(Used(kOuter), (QuotaUse{.bytes = 100, .inodes = 10}));
  EXPECT_EQ(Used(kInner), (QuotaUse{.bytes = 10, .inodes = 1}));
}

TEST_F(QuotaTableTest, AQuotaTakesItsUsageToAnotherParent) {
  constexpr InodeId kOther{30};
  Put(kOther, InodeId(), 1, 1);
  ASSERT_TRUE(Use(kInner, {.bytes = 40, .inodes = 4}));
  ASSERT_TRUE(QuotaTable::Alone(&table_).MoveBelow(store_.get(), kInner, kOther).ok());
  EXPECT_EQ(Used(kOuter), QuotaUse());
  EXPECT_EQ(Stored(kOther), (QuotaUse{.bytes = 40, .inodes = 4}));
  EXPECT_EQ(Used(kOther), Stored(kOther));
  EXPECT_EQ(table_.ChainOf(kInner).size(), 2u);
}

}  // namespace
}  // namespace weft::metadata
