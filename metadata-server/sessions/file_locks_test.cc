#include "metadata-server/sessions/file_locks.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

#include "common/status.h"

namespace weft::metadata {
namespace {

using enum LockType;
using Outcome = FileLocks::Outcome;

constexpr InodeId kFile{10};
constexpr InodeId kOther{11};

class FileLocksTest : public testing::Test {
 protected:
  static LockRequest Lock(uint64_t owner, LockType type, LockRange range = kWholeFile,
                          InodeId inode = kFile) {
    return {inode, LockKind::kPosix, {SessionId(owner / 100 + 1), owner}, 1, range, type};
  }
  static LockRequest Flock(uint64_t owner, LockType type) {
    return {kFile, LockKind::kFlock, {SessionId(1), owner}, 1, kWholeFile, type};
  }
  int Set(const LockRequest& request) { return ErrnoOf(locks_.Set(request)); }
  // What became of a request that may wait: "granted", "queued" or the errno.
  std::string Wait(const LockRequest& request, uint64_t wait_id) {
    const auto outcome = locks_.SetOrWait(request, wait_id, {});
    if (!outcome.ok()) return std::to_string(ErrnoOf(outcome.status()));
    return *outcome == Outcome::kGranted ? "granted" : "queued";
  }
  int Unlock(const LockRequest& request) { return ErrnoOf(locks_.Unlock(request)); }
  // Waits that were granted since the last call.
  std::set<uint64_t> Granted() { return std::exchange(granted_, {}); }
  size_t Count(InodeId inode = InodeId()) { return locks_.List(inode, 1 << 20).first.size(); }

  std::set<uint64_t> granted_;
  FileLocks locks_{{.on_granted = [this](SessionId, uint64_t id) { granted_.insert(id); }}};
};

TEST_F(FileLocksTest, ReadersShareAndAWriterIsAlone) {
  EXPECT_EQ(Set(Lock(1, kRead)), 0);
  EXPECT_EQ(Set(Lock(2, kRead)), 0);
  EXPECT_EQ(Set(Lock(1, kWrite)), EAGAIN);  // and keeps its read lock
  EXPECT_EQ(Unlock(Lock(2, kRead)), 0);
  EXPECT_EQ(Set(Lock(1, kWrite)), 0);
  EXPECT_EQ(Set(Lock(2, kRead)), EAGAIN);
  EXPECT_EQ(Set(Lock(1, kRead)), 0);
  EXPECT_EQ(Set(Lock(2, kRead)), 0);
}

TEST_F(FileLocksTest, OnlyOverlappingRangesConflict) {
  EXPECT_EQ(Set(Lock(1, kWrite, {0, 9})), 0);
  EXPECT_EQ(Set(Lock(2, kWrite, {10, 19})), 0);
  EXPECT_EQ(Set(Lock(2, kWrite, {9, 9})), EAGAIN);
  EXPECT_EQ(Set(Lock(2, kWrite, {0, 9}, kOther)), 0);
  const auto conflict = locks_.FindConflict(Lock(2, kRead, {5, 100}));
  ASSERT_TRUE(conflict.ok() && conflict->has_value());
  EXPECT_EQ((*conflict)->owner.owner, 1u);
  EXPECT_EQ((*conflict)->range, (LockRange{0, 9}));
  EXPECT_FALSE(locks_.FindConflict(Lock(2, kRead, {10, 100}))->has_value());
}

TEST_F(FileLocksTest, TheTwoKindsKnowNothingOfEachOther) {
  EXPECT_EQ(Set(Lock(1, kWrite)), 0);
  EXPECT_EQ(Set(Flock(2, kWrite)), 0);
  EXPECT_EQ(Set(Flock(3, kRead)), EAGAIN);
}

TEST_F(FileLocksTest, AFlockThatCannotBeConvertedIsLost) {
  EXPECT_EQ(Set(Flock(1, kRead)), 0);
  EXPECT_EQ(Set(Flock(2, kRead)), 0);
  EXPECT_EQ(Set(Flock(1, kWrite)), EAGAIN);
  EXPECT_EQ(Set(Flock(2, kWrite)), 0);
  EXPECT_EQ(Set(Flock(2, kRead)), 0);  // and down again, also when somebody waits
  EXPECT_EQ(Wait(Flock(1, kWrite), 1), "queued");
  EXPECT_EQ(Wait(Flock(2, kWrite), 2), "granted");
  EXPECT_EQ(Wait(Flock(2, kRead), 3), "granted");
}

TEST_F(FileLocksTest, WaitersAreGrantedInTheirOrder) {
  EXPECT_EQ(Wait(Lock(1, kWrite), 1), "granted");
  EXPECT_EQ(Wait(Lock(2, kRead), 2), "queued");
  EXPECT_EQ(Wait(Lock(3, kWrite), 3), "queued");
  EXPECT_EQ(Wait(Lock(4, kRead), 4), "queued");
  EXPECT_EQ(Wait(Lock(4, kRead), 4), "queued");  // repeated: it stays where it is
  EXPECT_EQ(Unlock(Lock(1, kRead)), 0);
  EXPECT_EQ(Granted(), std::set<uint64_t>{2});
  // Readers that come while a writer waits do not keep it waiting.
  EXPECT_EQ(Wait(Lock(5, kRead), 5), "queued");
  EXPECT_EQ(Set(Lock(6, kRead)), 0);  // who does not wait looks at holders only
  EXPECT_EQ(Unlock(Lock(6, kRead)), 0);
  EXPECT_EQ(Unlock(Lock(2, kRead)), 0);
  EXPECT_EQ(Granted(), std::set<uint64_t>{3});
  EXPECT_EQ(Unlock(Lock(3, kRead)), 0);
  EXPECT_EQ(Granted(), (std::set<uint64_t>{4, 5}));
}

TEST_F(FileLocksTest, AHolderDoesNotStandBehindThoseWhoWaitForIt) {
  EXPECT_EQ(Set(Lock(1, kRead, {0, 9})), 0);
  EXPECT_EQ(Wait(Lock(2, kWrite, {0, 19}), 1), "queued");
  EXPECT_EQ(Wait(Lock(1, kRead, {0, 19}), 2), "granted");
  EXPECT_EQ(Unlock(Lock(1, kRead)), 0);
  EXPECT_EQ(Granted(), std::set<uint64_t>{1});
}

TEST_F(FileLocksTest, ACancelledWaitIsGone) {
  EXPECT_EQ(Set(Lock(1, kRead)), 0);
  EXPECT_EQ(Wait(Lock(2, kWrite), 1), "queued");
  EXPECT_EQ(Wait(Lock(3, kRead), 2), "queued");
  EXPECT_FALSE(locks_.Cancel(Lock(2, kWrite), 1));
  EXPECT_EQ(Granted(), std::set<uint64_t>{2});  // it stood behind the other
  EXPECT_FALSE(locks_.Cancel(Lock(2, kWrite), 1));
  EXPECT_EQ(Unlock(Lock(1, kRead)), 0);
  EXPECT_EQ(Granted(), std::set<uint64_t>{});
  EXPECT_TRUE(locks_.Cancel(Lock(3, kRead), 2));  // too late: it has it
}

TEST_F(FileLocksTest, DeadlocksAreFoundOverInodesAndSessions) {
  EXPECT_EQ(Set(Lock(100, kWrite, {0, 0})), 0);
  EXPECT_EQ(Set(Lock(200, kWrite, {0, 0}, kOther)), 0);
  EXPECT_EQ(Set(Lock(300, kWrite, {1, 1})), 0);
  EXPECT_EQ(Wait(Lock(100, kWrite, {0, 0}, kOther), 1), "queued");
  EXPECT_EQ(Wait(Lock(200, kRead, {1, 1}), 2), "queued");
  EXPECT_EQ(Wait(Lock(300, kRead, {0, 9}), 3), std::to_string(EDEADLK));
  EXPECT_EQ(Unlock(Lock(300, kRead, {1, 1})), 0);
  EXPECT_EQ(Granted(), std::set<uint64_t>{2});
}

TEST_F(FileLocksTest, TwoReadersThatBothWantToWriteAreADeadlock) {
  EXPECT_EQ(Set(Lock(1, kRead)), 0);
  EXPECT_EQ(Set(Lock(2, kRead)), 0);
  EXPECT_EQ(Wait(Lock(1, kWrite), 1), "queued");
  EXPECT_EQ(Wait(Lock(2, kWrite), 2), std::to_string(EDEADLK));
  EXPECT_EQ(Unlock(Lock(2, kRead)), 0);
  EXPECT_EQ(Granted(), std::set<uint64_t>{1});
}

TEST_F(FileLocksTest, TheOrderOfWaitsIsNeverADeadlock) {
  // 1 reads, 2 wants to write behind it, 3 wants to read behind that, and 1 wants what 3 has.
  EXPECT_EQ(Set(Lock(1, kRead)), 0);
  EXPECT_EQ(Set(Lock(3, kWrite, kWholeFile, kOther)), 0);
  EXPECT_EQ(Wait(Lock(2, kWrite), 2), "queued");
  EXPECT_EQ(Wait(Lock(3, kRead), 3), "queued");
  EXPECT_EQ(Wait(Lock(1, kRead, kWholeFile, kOther), 1), "queued");
  EXPECT_EQ(Granted(), std::set<uint64_t>{3});  // it goes before 2
  locks_.ReleaseOwner(kOther, LockKind::kPosix, {SessionId(1), 3});
  EXPECT_EQ(Granted(), std::set<uint64_t>{1});
}

TEST_F(FileLocksTest, FlocksKnowNoDeadlock) {
  EXPECT_EQ(Set(Flock(1, kRead)), 0);
  EXPECT_EQ(Set(Flock(2, kRead)), 0);
  EXPECT_EQ(Wait(Flock(1, kWrite), 1), "queued");   // its read lock is gone
  EXPECT_EQ(Wait(Flock(2, kWrite), 2), "granted");  // and so it is alone
  locks_.ReleaseOwner(kFile, LockKind::kFlock, {SessionId(1), 2});
  EXPECT_EQ(Granted(), std::set<uint64_t>{1});
}

TEST_F(FileLocksTest, OwnersAndSessionsAreReleasedWhole) {
  EXPECT_EQ(Set(Lock(100, kWrite, {0, 9})), 0);
  EXPECT_EQ(Set(Lock(101, kWrite, {10, 19})), 0);
  EXPECT_EQ(Set(Lock(101, kWrite, {10, 19}, kOther)), 0);
  EXPECT_EQ(Wait(Lock(100, kWrite, {10, 19}), 1), "queued");
  EXPECT_EQ(Wait(Lock(200, kWrite), 2), "queued");
  EXPECT_EQ(Wait(Lock(200, kRead, {0, 9}, kOther), 3), "granted");
  locks_.ReleaseOwner(kFile, LockKind::kPosix, {SessionId(2), 100});
  EXPECT_EQ(Granted(), std::set<uint64_t>{});  // its wait is gone, too
  locks_.ReleaseSession(SessionId(2));
  EXPECT_EQ(Granted(), std::set<uint64_t>{2});
  locks_.ReleaseSession(SessionId(3));
  EXPECT_EQ(Count(), 0u);
}

TEST_F(FileLocksTest, ThePauseGrantsOnlyWhatWasHeldBefore) {
  FileLocks locks(
      {.on_granted = [this](SessionId, uint64_t id) { granted_.insert(id); }, .paused = true});
  EXPECT_EQ(ErrnoOf(locks.Set(Lock(1, kRead))), ETIMEDOUT);
  EXPECT_EQ(ErrnoOf(locks.FindConflict(Lock(1, kRead)).status()), ETIMEDOUT);
  EXPECT_EQ(locks.SetOrWait(Lock(1, kRead, {0, 9}), 1, {}).value(), Outcome::kQueued);
  EXPECT_EQ(locks.SetOrWait(Lock(2, kRead, {10, 19}), 2, {}).value(), Outcome::kQueued);
  EXPECT_TRUE(locks.Reclaim(Lock(3, kWrite, {0, 4})).ok());
  EXPECT_EQ(ErrnoOf(locks.Reclaim(Lock(4, kWrite, {3, 3}))), EAGAIN);
  EXPECT_EQ(Granted(), std::set<uint64_t>{});
  locks.Resume();
  EXPECT_EQ(Granted(), std::set<uint64_t>{2});
  EXPECT_TRUE(locks.Unlock(Lock(3, kRead)).ok());
  EXPECT_EQ(Granted(), std::set<uint64_t>{1});
}

TEST_F(FileLocksTest, ThereIsABound) {
  uint64_t byte = 0;
  int error = 0;
  for (; byte < 2 * kMaxLocksPerInode && error == 0; byte += 2) {
    error = Set(Lock(1, kRead, {byte, byte}));
  }
  EXPECT_EQ(error, ENOLCK);
  EXPECT_GE(Count(), kMaxLocksPerInode - 2);
  EXPECT_LE(Count(), kMaxLocksPerInode);
  EXPECT_EQ(Wait(Lock(2, kRead), 1), std::to_string(ENOLCK));
  EXPECT_EQ(Unlock(Lock(1, kRead, {0, 0})), 0);  // giving up goes on
  EXPECT_EQ(Set(Lock(1, kRead, {0, 0}, kOther)), 0);
  locks_.ReleaseSession(SessionId(1));
  EXPECT_EQ(Count(), 0u);
  EXPECT_EQ(Set(Lock(1, kRead)), 0);
}

TEST_F(FileLocksTest, ListsHoldersBeforeWaits) {
  EXPECT_EQ(Set(Lock(1, kWrite, {0, 9})), 0);
  EXPECT_EQ(Set(Lock(1, kWrite, kWholeFile, kOther)), 0);
  EXPECT_EQ(Wait(Lock(2, kRead, {5, 5}), 1), "queued");
  const auto [entries, truncated] = locks_.List(kFile, 10);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_FALSE(truncated);
  EXPECT_FALSE(entries[0].waiting);
  EXPECT_EQ(entries[0].lock.range, (LockRange{0, 9}));
  EXPECT_TRUE(entries[1].waiting);
  EXPECT_EQ(entries[1].lock.owner.owner, 2u);
  EXPECT_EQ(Count(), 3u);
  EXPECT_TRUE(locks_.List(InodeId(), 2).second);
}

}  // namespace
}  // namespace weft::metadata
