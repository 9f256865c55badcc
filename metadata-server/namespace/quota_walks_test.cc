// Quotas set on and removed from trees that are in use.
#include "metadata-server/namespace/quota_walks.h"

#include <gtest/gtest.h>

#include <string>

#include "metadata-server/namespace/testing/quota_calls.h"
#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

class QuotaWalksTest : public testing::Test {
 protected:
  QuotaWalksTest() : q_(ns_.MakeDir(kRootInode, "q")), other_(ns_.MakeDir(kRootInode, "other")) {}
  ~QuotaWalksTest() override {
    FinishWalks(ns_);
    ns_.ExpectInvariants();
  }

  // Directories a, b, c below `top`, each with files 0 to 9. With `top`: 34 inodes.
  void Populate(InodeId top) {
    for (const char* name : {"a", "b", "c"}) {
      const InodeId directory = ns_.MakeDir(top, name);
      for (int i = 0; i < 10; ++i) ns_.MakeFile(directory, std::to_string(i));
    }
  }
  InodeId Find(InodeId parent, const std::string& name) {
    return InodeId(ns_.Lookup(parent, name)->inode_id());
  }
  // Looks at some of the names.
  void Walk(size_t max_names) { ASSERT_TRUE(ns_->WalkQuotas(max_names).ok()); }
  uint64_t Inodes(InodeId directory) { return QuotaOf(ns_, directory).used_inodes(); }
  proto::QuotaState State(InodeId directory) { return QuotaOf(ns_, directory).state(); }

  TestNamespace ns_;
  const InodeId q_;
  const InodeId other_;
};

TEST_F(QuotaWalksTest, CountsWhatIsThereBitByBit) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {.inodes = 36}), 0);
  EXPECT_EQ(Inodes(q_), 1u);
  Walk(5);
  EXPECT_EQ(State(q_), proto::QUOTA_COUNTING);
  EXPECT_GT(Inodes(q_), 1u);
  EXPECT_LT(Inodes(q_), 34u);
  ns_.ExpectInvariants();
  EXPECT_EQ(ErrnoOf(ns_.Make(Find(q_, "a"), "new", proto::REGULAR)), 0);
  EXPECT_EQ(ErrnoOf(ns_.Make(Find(q_, "c"), "new", proto::REGULAR)), 0);
  FinishWalks(ns_, 3);
  EXPECT_EQ(State(q_), proto::QUOTA_ACTIVE);
  EXPECT_EQ(Inodes(q_), 36u);
  EXPECT_EQ(ErrnoOf(ns_.Make(q_, "more", proto::REGULAR)), EDQUOT);
}

TEST_F(QuotaWalksTest, CountingGoesBeyondALimitAndThenNothingMoreFits) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {.inodes = 10}), 0);
  FinishWalks(ns_);
  EXPECT_EQ(Inodes(q_), 34u);
  EXPECT_EQ(ErrnoOf(ns_.Make(q_, "more", proto::REGULAR)), EDQUOT);
}

TEST_F(QuotaWalksTest, GoesOnAfterACrashAtAnyPlace) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {.inodes = 50}), 0);
  for (int i = 0; i < 30; ++i) {
    ns_.crashing().CrashAfter(i % 5);
    static_cast<void>(ns_->WalkQuotas(50));
    ns_.Crash();
    ns_.ExpectInvariants();
  }
  FinishWalks(ns_);
  EXPECT_EQ(Inodes(q_), 34u);
  ASSERT_EQ(RemoveQuota(ns_, q_), 0);
  for (int i = 0; i < 30; ++i) {
    ns_.crashing().CrashAfter(i % 5);
    static_cast<void>(ns_->WalkQuotas(50));
    ns_.Crash();
    ns_.ExpectInvariants();
  }
  FinishWalks(ns_);
  EXPECT_EQ(ns_.RowCount(Family::kQuota), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kQuotaUse), 0u);
}

TEST_F(QuotaWalksTest, ADirectoryMovedToWhereTheWalkWasIsCounted) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {}), 0);
  Walk(13);  // a is done
  ASSERT_EQ(QuotaOf(ns_, Find(q_, "c")).inode_id(), 0u) << "c is not";
  EXPECT_EQ(ns_.Rename(q_, "c", Find(q_, "a"), "c"), 0);
  EXPECT_EQ(ns_.Rename(q_, "b", q_, "1"), 0) << "stands before a now";
  FinishWalks(ns_, 4);
  EXPECT_EQ(Inodes(q_), 34u);
}

TEST_F(QuotaWalksTest, NamesGivenDuringAWalkAreCounted) {
  Populate(q_);
  const InodeId file = Find(Find(q_, "c"), "9");
  ASSERT_EQ(SetQuota(ns_, q_, {}), 0);
  Walk(13);  // a is done, c is not
  const InodeId a = Find(q_, "a");
  EXPECT_EQ(ns_.Link(file, a, "link"), 0);
  EXPECT_EQ(ns_.Unlink(Find(q_, "c"), "9"), 0);
  EXPECT_EQ(ns_.Rename(Find(q_, "c"), "8", a, "moved"), 0);
  EXPECT_EQ(ns_.Rename(a, "0", Find(q_, "c"), "moved back"), 0);
  EXPECT_EQ(ns_.Link(Find(q_, "c"), a, "x"), EPERM);
  FinishWalks(ns_, 4);
  EXPECT_EQ(Inodes(q_), 34u);
  EXPECT_EQ(QuotaOf(ns_, file).path(), "/q");
}

TEST_F(QuotaWalksTest, TheBorderHoldsDuringAWalk) {
  Populate(q_);
  Populate(other_);
  ASSERT_EQ(SetQuota(ns_, q_, {}), 0);
  EXPECT_EQ(ns_.Rename(q_, "c", other_, "from q"), EXDEV);
  EXPECT_EQ(ns_.Rename(other_, "c", q_, "from other"), EXDEV);
  EXPECT_EQ(ns_.Link(Find(Find(q_, "c"), "0"), other_, "link"), EXDEV);
  EXPECT_EQ(ns_.Rename(Find(q_, "c"), "0", other_, "file"), 0);
  FinishWalks(ns_, 7);
  EXPECT_EQ(Inodes(q_), 33u);
}

TEST_F(QuotaWalksTest, AnInnerQuotaIsTakenOverAsAWhole) {
  Populate(q_);
  const InodeId b = Find(q_, "b");
  ASSERT_EQ(SetQuota(ns_, b, {.inodes = 20}), 0);
  FinishWalks(ns_);
  ASSERT_EQ(SetQuota(ns_, q_, {.inodes = 40}), 0);
  FinishWalks(ns_, 6);
  EXPECT_EQ(Inodes(b), 11u);
  EXPECT_EQ(Inodes(q_), 34u);
  ASSERT_EQ(QuotasOf(ns_, b).size(), 2u);
  for (int i = 10; i < 16; ++i) {
    EXPECT_EQ(ErrnoOf(ns_.Make(b, std::to_string(i), proto::REGULAR)), 0);
  }
  EXPECT_EQ(ErrnoOf(ns_.Make(b, "more", proto::REGULAR)), EDQUOT) << "of the outer one";
}

TEST_F(QuotaWalksTest, AnInnerQuotaSetDuringTheWalkOfTheOuterOne) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {}), 0);
  Walk(4);
  for (const char* name : {"a", "c"}) ASSERT_EQ(SetQuota(ns_, Find(q_, name), {}), 0);
  FinishWalks(ns_, 5);
  EXPECT_EQ(Inodes(q_), 34u);
  EXPECT_EQ(Inodes(Find(q_, "a")), 11u);
  EXPECT_EQ(QuotasOf(ns_, Find(q_, "c")).size(), 2u);
}

TEST_F(QuotaWalksTest, RemovingTurnsLimitsOffAtOnceAndThenTheQuotaGoes) {
  Populate(q_);
  const InodeId b = Find(q_, "b");
  ASSERT_EQ(SetQuota(ns_, q_, {.inodes = 100}), 0);
  ASSERT_EQ(SetQuota(ns_, b, {.inodes = 11}), 0);
  FinishWalks(ns_);
  EXPECT_EQ(ErrnoOf(ns_.Make(b, "more", proto::REGULAR)), EDQUOT);
  ASSERT_EQ(RemoveQuota(ns_, b), 0);
  EXPECT_EQ(ErrnoOf(ns_.Make(b, "more", proto::REGULAR)), 0);
  EXPECT_EQ(RemoveQuota(ns_, b), ENODATA);
  FinishWalks(ns_, 3);
  EXPECT_EQ(QuotaOf(ns_, b).path(), "/q");
  EXPECT_EQ(Inodes(q_), 35u);
  EXPECT_EQ(ns_.RowCount(Family::kQuota), 1u);
}

TEST_F(QuotaWalksTest, AnOuterQuotaIsRemovedFromAroundAnInnerOne) {
  Populate(q_);
  const InodeId b = Find(q_, "b");
  for (const InodeId directory : {kRootInode, q_, b}) {
    ASSERT_EQ(SetQuota(ns_, directory, {}), 0);
    FinishWalks(ns_);
  }
  ASSERT_EQ(RemoveQuota(ns_, q_), 0);
  FinishWalks(ns_, 3);
  const auto quotas = QuotasOf(ns_, b);
  ASSERT_EQ(quotas.size(), 2u);
  EXPECT_EQ(quotas[1].path(), "/");
  EXPECT_EQ(quotas[1].used_inodes(), 36u);
}

TEST_F(QuotaWalksTest, CanBeSetAgainOnceItIsRemoved) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {.bytes = 1 << 30, .inodes = 34}), 0);
  FinishWalks(ns_);
  ASSERT_EQ(RemoveQuota(ns_, q_), 0);
  Walk(10);
  EXPECT_EQ(SetQuota(ns_, q_, {.inodes = 40}), EBUSY);
  FinishWalks(ns_, 3);
  ASSERT_EQ(SetQuota(ns_, q_, {.inodes = 40}), 0);
  EXPECT_EQ(State(q_), proto::QUOTA_COUNTING);
  FinishWalks(ns_, 3);
  EXPECT_EQ(Inodes(q_), 34u);
  EXPECT_EQ(QuotaOf(ns_, q_).limit_bytes(), 0u) << "not what it was before it was removed";
}

TEST_F(QuotaWalksTest, RemovedWhileItIsCounted) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {.inodes = 40}), 0);
  Walk(15);
  ASSERT_EQ(RemoveQuota(ns_, q_), 0);
  FinishWalks(ns_, 3);
  EXPECT_EQ(ns_.RowCount(Family::kQuota), 0u);
}

TEST_F(QuotaWalksTest, WhatNoWalkCanMeetDoesNotKeepAQuota) {
  const InodeId orphan(ns_.Create(q_, "file")->attr().inode_id());
  ASSERT_EQ(SetQuota(ns_, q_, {}), 0);
  FinishWalks(ns_);
  EXPECT_EQ(ns_.Unlink(q_, "file"), 0);
  ASSERT_EQ(RemoveQuota(ns_, q_), 0);
  FinishWalks(ns_, 2);
  EXPECT_EQ(ns_.RowCount(Family::kQuota), 0u);
  EXPECT_EQ(ns_.Close(orphan, true), 0);
}

TEST_F(QuotaWalksTest, ATreeMovedOutOfARemovedQuotaBeforeACrash) {
  Populate(q_);
  ASSERT_EQ(SetQuota(ns_, q_, {}), 0);
  FinishWalks(ns_);
  ASSERT_EQ(RemoveQuota(ns_, q_), 0);
  EXPECT_EQ(ns_.Rename(q_, "c", other_, "c"), 0) << "the border is gone";
  ns_.Crash();
  FinishWalks(ns_);
  EXPECT_EQ(ns_.RowCount(Family::kQuota), 0u);
  EXPECT_EQ(QuotaOf(ns_, Find(other_, "c")).inode_id(), 0u);
}

TEST_F(QuotaWalksTest, ADeepTreeIsWalkedWhole) {
  InodeId directory = q_;
  for (int i = 0; i < 500; ++i) directory = ns_.MakeDir(directory, "d");
  ASSERT_EQ(SetQuota(ns_, q_, {}), 0);
  FinishWalks(ns_, 70);
  EXPECT_EQ(Inodes(q_), 501u);
}

}  // namespace
}  // namespace weft::metadata
