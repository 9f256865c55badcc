// Locks of files: what the mount asks the server for, and what becomes of the files' bytes.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <memory>

#include "client/core/held_locks.h"
#include "client/core/testing/vfs_fixture.h"
#include "common/locks/lock_ranges.h"

namespace weft::client {
namespace {

class LocksTest : public VfsFixture {
 protected:
  static proto::FileLock Lock(proto::LockType type, uint64_t owner = 1) {
    proto::FileLock lock;
    lock.set_kind(proto::LOCK_POSIX);
    lock.set_owner(owner);
    lock.set_type(type);
    lock.set_last_byte(kLastLockByte);
    return lock;
  }
  // A call that may wait.
  struct Pending {
    uint64_t number = 0;
    std::future<int> error;
  };
  static Pending Start(Vfs& vfs, HandleId handle, const proto::FileLock& lock,
                       LockWait wait = LockWait::kYes) {
    auto promise = std::make_shared<std::promise<int>>();
    Pending pending;
    pending.error = promise->get_future();
    pending.number = vfs.SetLock(handle, lock, wait, [promise](const absl::Status& status) {
      promise->set_value(ErrnoOf(status));
    });
    return pending;
  }
  static int Set(Vfs& vfs, HandleId handle, const proto::FileLock& lock) {
    return Start(vfs, handle, lock, LockWait::kNo).error.get();
  }
};

TEST_F(LocksTest, AWaitIsOverWhenTheOtherMountGivesUp) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a");
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), 0);
  EXPECT_EQ(Set(*two, b.handle, Lock(proto::READ_LOCK)), EAGAIN);
  const auto conflict = two->GetLock(b.handle, Lock(proto::READ_LOCK));
  ASSERT_TRUE(conflict.ok());
  EXPECT_EQ(conflict->type(), proto::WRITE_LOCK);
  EXPECT_EQ(conflict->pid(), 0u);  // of another mount
  EXPECT_EQ(one->GetLock(a.handle, Lock(proto::READ_LOCK, 2))->pid(), 77u);
  Pending wait = Start(*two, b.handle, Lock(proto::READ_LOCK));
  EXPECT_NE(wait.number, 0u);
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::NO_LOCK)), 0);
  EXPECT_EQ(wait.error.get(), 0);
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), EAGAIN);
}

TEST_F(LocksTest, AnInterruptedWaitTakesNothing) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a");
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), 0);
  Pending wait = Start(*two, b.handle, Lock(proto::WRITE_LOCK));
  two->InterruptLock(wait.number);
  EXPECT_EQ(wait.error.get(), EINTR);
  two->InterruptLock(wait.number);  // too late: nothing happens
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::NO_LOCK)), 0);
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), 0);
}

TEST_F(LocksTest, WhatWasWrittenUnderALockIsSeenUnderTheNext) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a");
  std::string expected;
  for (int i = 0; i < 20; ++i) {  // inline first, then in chunks
    Vfs& writer = i % 2 == 0 ? *one : *two;
    Vfs& reader = i % 2 == 0 ? *two : *one;
    const HandleId to = i % 2 == 0 ? a.handle : b.handle;
    const HandleId from = i % 2 == 0 ? b.handle : a.handle;
    EXPECT_EQ(Set(writer, to, Lock(proto::WRITE_LOCK)), 0);
    const std::string more = Text(i, 1000);
    Write(writer, to, expected.size(), more);
    expected += more;
    EXPECT_EQ(Set(writer, to, Lock(proto::NO_LOCK)), 0);
    EXPECT_EQ(Set(reader, from, Lock(proto::READ_LOCK)), 0);
    EXPECT_TRUE(SameBytes(Read(reader, from), expected));
    EXPECT_EQ(Set(reader, from, Lock(proto::NO_LOCK)), 0);
  }
}

TEST_F(LocksTest, TheKernelsPagesAreDroppedBeforeALockIsAnswered) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened b = Open(*two, "a");
  std::atomic<int> drops = 0;
  one->OnInvalidate([&](InodeId) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ++drops;
  });
  Write(*two, b.handle, 0, "changed");
  ASSERT_TRUE(two->Flush(b.handle).ok());
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::READ_LOCK)), 0);
  EXPECT_GE(drops, 1);
  const int before = drops;
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::READ_LOCK)), 0);
  EXPECT_EQ(drops, before);  // nothing has changed since
  one.reset();
}

TEST_F(LocksTest, ClosingGivesUp) {
  auto one = cluster_.Mount();
  auto two = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened again = Open(*one, "a");
  const Opened b = Open(*two, "a");
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), 0);
  one->CloseLocks(again.handle, 2);
  EXPECT_EQ(Set(*two, b.handle, Lock(proto::READ_LOCK)), EAGAIN);
  one->CloseLocks(again.handle, 1);  // any descriptor of the file
  EXPECT_EQ(Set(*two, b.handle, Lock(proto::READ_LOCK)), 0);
  EXPECT_EQ(Set(*two, b.handle, Lock(proto::NO_LOCK)), 0);
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), 0);
  ASSERT_TRUE(one->Release(again.handle).ok());
  EXPECT_EQ(Set(*two, b.handle, Lock(proto::READ_LOCK)), EAGAIN);
  ASSERT_TRUE(one->Release(a.handle).ok());
  EXPECT_EQ(Set(*two, b.handle, Lock(proto::READ_LOCK)), 0);
}

TEST_F(LocksTest, AServerThatHasRestartedIsToldWhatIsHeld) {
  cluster_.metadata().SetTtl(600);
  auto one = cluster_.Mount();
  const Opened a = Create(*one, "a");
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), 0);
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::READ_LOCK, 1)), 0);
  cluster_.metadata().SetServerStart(2);
  WaitFor([&] { return cluster_.metadata().reported_locks() == 1; });
}

TEST_F(LocksTest, WhoHasLostALockIsTold) {
  cluster_.metadata().SetTtl(600);
  auto one = cluster_.Mount();
  const Opened a = Create(*one, "a");
  const Opened other = Open(*one, "a");
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), 0);
  cluster_.metadata().ExpireSessions();
  WaitFor([&] { return ErrnoOf(one->Write(a.handle, 0, AsBytes("x"), false)) == EIO; });
  EXPECT_EQ(ErrnoOf(one->Read(a.handle, 0, 1).status()), EIO);
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::WRITE_LOCK)), EIO);
  EXPECT_EQ(Set(*one, a.handle, Lock(proto::NO_LOCK)), 0);
  static_cast<void>(one->Flush(other.handle));  // tells that bytes were lost with the session
  EXPECT_TRUE(one->Write(other.handle, 0, AsBytes("x"), false).ok());  // it never had one
  static_cast<void>(one->Release(a.handle));
  const Opened again = Open(*one, "a");
  EXPECT_EQ(Set(*one, again.handle, Lock(proto::WRITE_LOCK)), 0);
}

TEST(HeldLocksTest, AnswersOfAServerThatIsGoneDoNotCount) {
  HeldLocks held;
  const HeldLocks::Key key{InodeId(5), proto::LOCK_POSIX, 1};
  proto::FileLock lock;
  lock.set_inode_id(5);
  lock.set_kind(proto::LOCK_POSIX);
  lock.set_owner(1);
  lock.set_type(proto::WRITE_LOCK);
  lock.set_last_byte(9);
  {
    HeldLocks::Turn turn(&held, key);
    turn.Expect(3);
    EXPECT_TRUE(turn.Note(lock, {100, SessionId(7)}));
  }
  EXPECT_EQ(held.Report(200).locks_size(), 1);
  {
    HeldLocks::Turn turn(&held, key);
    lock.set_type(proto::NO_LOCK);
    EXPECT_FALSE(turn.Note(lock, {100, SessionId(7)}));  // the new one was told otherwise
    EXPECT_FALSE(turn.NoteReleased({100, SessionId(7)}));
    EXPECT_TRUE(held.MayHold(key));
    EXPECT_TRUE(turn.Note(lock, {200, SessionId(7)}));
  }
  EXPECT_FALSE(held.MayHold(key));
  EXPECT_TRUE(held.OfHandle(3).empty());
}

TEST(HeldLocksTest, ALostSessionHasNothing) {
  HeldLocks held;
  const HeldLocks::Key key{InodeId(5), proto::LOCK_FLOCK, 1};
  proto::FileLock lock;
  lock.set_inode_id(5);
  lock.set_kind(proto::LOCK_FLOCK);
  lock.set_owner(1);
  lock.set_type(proto::WRITE_LOCK);
  lock.set_last_byte(kLastLockByte);
  {
    HeldLocks::Turn turn(&held, key);
    turn.Expect(3);
    EXPECT_TRUE(turn.Note(lock, {100, SessionId(7)}));
  }
  EXPECT_EQ(held.SessionLost(SessionId(7)), std::vector<HandleId>{3});
  EXPECT_EQ(held.Report(100).locks_size(), 0);
  HeldLocks::Turn turn(&held, key);
  turn.Expect(3);
  EXPECT_FALSE(turn.Note(lock, {100, SessionId(7)}));
  EXPECT_TRUE(turn.Note(lock, {100, SessionId(8)}));
}

}  // namespace
}  // namespace weft::client
