#include "metadata-server/store/group_sync.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "common/status.h"

namespace weft::metadata {
namespace {

// A sync that waits until it is let through.
class Gate {
 public:
  absl::Status Pass() {
    MutexLock lock(&mutex_);
    ++entered_;
    changed_.SignalAll();
    while (allowed_ < entered_) changed_.Wait(&mutex_);
    return absl::OkStatus();
  }
  void WaitForEntry(int count) {
    MutexLock lock(&mutex_);
    while (entered_ < count) changed_.Wait(&mutex_);
  }
  void Allow(int count) {
    MutexLock lock(&mutex_);
    allowed_ += count;
    changed_.SignalAll();
  }
  int entered() {
    MutexLock lock(&mutex_);
    return entered_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int entered_ WEFT_GUARDED_BY(mutex_) = 0;
  int allowed_ WEFT_GUARDED_BY(mutex_) = 0;
};

TEST(GroupSyncTest, ACallerIsNotServedByASyncThatBeganBefore) {
  Gate gate;
  GroupSync sync([&gate] { return gate.Pass(); });
  std::thread first([&sync] { EXPECT_TRUE(sync.Run().ok()); });
  gate.WaitForEntry(1);
  std::atomic<bool> done = false;
  std::thread second([&sync, &done] {
    EXPECT_TRUE(sync.Run().ok());
    done = true;
  });
  gate.Allow(1);
  first.join();
  gate.WaitForEntry(2);
  EXPECT_FALSE(done);
  gate.Allow(1);
  second.join();
}

TEST(GroupSyncTest, CallersShareSyncs) {
  constexpr int kCallers = 16;
  Gate gate;
  GroupSync sync([&gate] { return gate.Pass(); });
  std::thread first([&sync] { EXPECT_TRUE(sync.Run().ok()); });
  gate.WaitForEntry(1);
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&sync] { EXPECT_TRUE(sync.Run().ok()); });
  }
  gate.Allow(kCallers + 1);
  first.join();
  for (std::thread& caller : callers) caller.join();
  // Each caller is served by the first sync that begins after it came; at worst all came one by
  // one.
  EXPECT_LE(gate.entered(), kCallers + 1);
}

TEST(GroupSyncTest, TheFirstFailureIsTheAnswerForEver) {
  int calls = 0;
  GroupSync sync([&calls] {
    ++calls;
    return PosixError(EIO, "no disk");
  });
  EXPECT_EQ(ErrnoOf(sync.Run()), EIO);
  EXPECT_EQ(ErrnoOf(sync.Run()), EIO);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace weft::metadata
