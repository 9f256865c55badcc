#include "metadata-server/sessions/session_locks.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "common/status.h"
#include "common/testing/manual_clock.h"

namespace weft::metadata {
namespace {

constexpr uint64_t kOne = 1;  // sessions
constexpr uint64_t kTwo = 2;

class SessionLocksTest : public testing::Test {
 protected:
  SessionLocksTest() { Start({}); }

  void Start(std::vector<SessionId> awaited) {
    locks_ = std::make_unique<SessionLocks>(
        SessionLocks::Options{std::move(awaited),
                              [this](SessionId, uint64_t id) { granted_.push_back(id); }},
        &clock_);
  }
  static proto::FileLock Lock(proto::LockType type, uint64_t first = 0, uint64_t last = 9) {
    proto::FileLock lock;
    lock.set_inode_id(10);
    lock.set_kind(proto::LOCK_POSIX);
    lock.set_owner(5);
    lock.set_type(type);
    lock.set_first_byte(first);
    lock.set_last_byte(last);
    return lock;
  }
  // Each takes the next sequence of the session, unless one is given.
  template <typename Request>
  void Number(Request* request, uint64_t session, uint64_t sequence) {
    if (sequence == 0) sequence = ++last_sequence_;
    request->mutable_mutation()->set_session_id(session);
    request->mutable_mutation()->set_sequence(sequence);
    request->mutable_mutation()->set_acknowledged(acknowledged_);
  }
  absl::StatusOr<proto::SetLockReply> Set(uint64_t session, const proto::FileLock& lock,
                                          uint64_t wait_id = 0, uint64_t sequence = 0) {
    proto::SetLockRequest request;
    Number(&request, session, sequence);
    *request.mutable_lock() = lock;
    request.set_wait_id(wait_id);
    return locks_->Set(request);
  }
  int ErrorOfSet(uint64_t session, const proto::FileLock& lock) {
    return ErrnoOf(Set(session, lock).status());
  }
  bool Cancel(uint64_t session, const proto::FileLock& lock, uint64_t wait_id) {
    proto::CancelLockRequest request;
    Number(&request, session, 0);
    *request.mutable_lock() = lock;
    request.set_wait_id(wait_id);
    return locks_->Cancel(request).value().granted();
  }
  std::vector<proto::FileLock> Report(uint64_t session, const std::vector<proto::FileLock>& held) {
    proto::LockReport report;
    for (const proto::FileLock& lock : held) *report.add_locks() = lock;
    return locks_->Report(SessionId(session), report);
  }

  ManualClock clock_;
  std::vector<uint64_t> granted_;
  uint64_t last_sequence_ = 0;
  uint64_t acknowledged_ = 0;
  std::unique_ptr<SessionLocks> locks_;
};

TEST_F(SessionLocksTest, OwnersOfTwoSessionsAreNotTheSame) {
  EXPECT_EQ(ErrorOfSet(kOne, Lock(proto::WRITE_LOCK)), 0);
  EXPECT_EQ(ErrorOfSet(kTwo, Lock(proto::WRITE_LOCK)), EAGAIN);
  proto::GetLockRequest request;
  request.set_session_id(kTwo);
  *request.mutable_lock() = Lock(proto::READ_LOCK);
  const auto reply = locks_->Get(request);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->session_id(), kOne);
  EXPECT_EQ(reply->conflict().type(), proto::WRITE_LOCK);
  locks_->EndSession(SessionId(kOne));
  EXPECT_EQ(locks_->Get(request)->conflict().type(), proto::NO_LOCK);
}

TEST_F(SessionLocksTest, ALateRepetitionOfALockDoesNotTakeItAgain) {
  ASSERT_TRUE(Set(kOne, Lock(proto::WRITE_LOCK), 0, 7).ok());
  ASSERT_TRUE(Set(kOne, Lock(proto::NO_LOCK), 0, 8).ok());
  EXPECT_TRUE(Set(kOne, Lock(proto::WRITE_LOCK), 0, 7).ok());  // the first answer
  EXPECT_EQ(ErrorOfSet(kTwo, Lock(proto::WRITE_LOCK)), 0);
  ASSERT_TRUE(Set(kTwo, Lock(proto::NO_LOCK)).ok());
  acknowledged_ = 8;
  ASSERT_TRUE(Set(kOne, Lock(proto::NO_LOCK), 0, 9).ok());
  EXPECT_EQ(ErrnoOf(Set(kOne, Lock(proto::WRITE_LOCK), 0, 7).status()), ESTALE);
  EXPECT_TRUE(locks_->List(InodeId(), 10).first.empty());
}

TEST_F(SessionLocksTest, AWaitIsAskedForUntilItIsGranted) {
  ASSERT_TRUE(Set(kOne, Lock(proto::WRITE_LOCK)).ok());
  EXPECT_TRUE(Set(kTwo, Lock(proto::WRITE_LOCK), 3)->queued());
  EXPECT_TRUE(Set(kTwo, Lock(proto::WRITE_LOCK), 3)->queued());
  ASSERT_TRUE(Set(kOne, Lock(proto::NO_LOCK)).ok());
  EXPECT_EQ(granted_, std::vector<uint64_t>{3});
  EXPECT_FALSE(Set(kTwo, Lock(proto::WRITE_LOCK), 3)->queued());
  EXPECT_TRUE(Cancel(kTwo, Lock(proto::WRITE_LOCK), 3));
}

TEST_F(SessionLocksTest, AfterARestartNobodyGetsALockBeforeAllHaveReported) {
  Start({SessionId(kOne), SessionId(kTwo)});
  EXPECT_EQ(ErrorOfSet(3, Lock(proto::READ_LOCK, 50, 60)), ETIMEDOUT);
  EXPECT_EQ(ErrorOfSet(kOne, Lock(proto::NO_LOCK)), ETIMEDOUT);  // of itself, too
  EXPECT_TRUE(Report(kOne, {Lock(proto::WRITE_LOCK)}).empty());
  EXPECT_EQ(ErrorOfSet(kOne, Lock(proto::NO_LOCK, 5, 9)), 0);
  EXPECT_EQ(ErrorOfSet(kOne, Lock(proto::WRITE_LOCK, 5, 9)), ETIMEDOUT);
  EXPECT_TRUE(Set(3, Lock(proto::WRITE_LOCK, 5, 9), 1)->queued());
  EXPECT_TRUE(Set(3, Lock(proto::WRITE_LOCK, 0, 9), 2)->queued());
  EXPECT_EQ(locks_->awaited(), 1u);
  EXPECT_TRUE(granted_.empty());
  locks_->EndSession(SessionId(kTwo));  // it never came
  EXPECT_EQ(granted_, std::vector<uint64_t>{1});
  EXPECT_EQ(ErrorOfSet(kTwo, Lock(proto::READ_LOCK, 50, 60)), 0);
}

TEST_F(SessionLocksTest, OnlyTheFirstReportCounts) {
  Start({SessionId(kOne)});
  EXPECT_TRUE(Report(kOne, {Lock(proto::WRITE_LOCK)}).empty());
  ASSERT_TRUE(Set(kOne, Lock(proto::NO_LOCK)).ok());
  EXPECT_TRUE(Report(kOne, {Lock(proto::WRITE_LOCK)}).empty());  // a late repetition
  EXPECT_EQ(ErrorOfSet(kTwo, Lock(proto::WRITE_LOCK)), 0);
}

TEST_F(SessionLocksTest, WhatCannotBeReclaimedIsNamed) {
  Start({SessionId(kOne), SessionId(kTwo)});
  EXPECT_TRUE(Report(kOne, {Lock(proto::WRITE_LOCK)}).empty());
  const auto lost = Report(kTwo, {Lock(proto::READ_LOCK, 9, 9), Lock(proto::READ_LOCK, 20, 29)});
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].first_byte(), 9u);
}

TEST_F(SessionLocksTest, MalformedLocksAreRefused) {
  proto::FileLock lock = Lock(proto::READ_LOCK);
  lock.set_inode_id(0);
  EXPECT_EQ(ErrorOfSet(kOne, lock), EINVAL);
  lock = Lock(proto::READ_LOCK, 5, 4);
  EXPECT_EQ(ErrorOfSet(kOne, lock), EINVAL);
  lock = Lock(proto::READ_LOCK, 0, UINT64_MAX);
  EXPECT_EQ(ErrorOfSet(kOne, lock), EINVAL);
  lock = Lock(proto::READ_LOCK);
  lock.set_kind(proto::LOCK_FLOCK);
  EXPECT_EQ(ErrorOfSet(kOne, lock), EINVAL);
  EXPECT_EQ(ErrorOfSet(kOne, Lock(proto::LOCK_TYPE_UNSPECIFIED)), EINVAL);
}

}  // namespace
}  // namespace weft::metadata
