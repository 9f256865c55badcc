#include "metadata-server/namespace/inode_locks.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace weft::metadata {
namespace {

TEST(InodeLocksTest, AreHeldAndReleased) {
  InodeLocks locks;
  {
    const InodeLocks::Guard guard = locks.Lock({InodeId(7), InodeId(), InodeId(3), InodeId(7)});
    EXPECT_FALSE(locks.TryLock(InodeId(7)).has_value());
    EXPECT_FALSE(locks.TryLock(InodeId(3)).has_value());
    EXPECT_TRUE(locks.TryLock(InodeId(7 + 64)).has_value()) << "same shard, another inode";
  }
  EXPECT_TRUE(locks.TryLock(InodeId(7)).has_value());
  EXPECT_TRUE(locks.TryLock(InodeId(7)).has_value()) << "the guard of TryLock went";
}

TEST(InodeLocksTest, AMovedGuardHoldsOn) {
  InodeLocks locks;
  InodeLocks::Guard first = locks.Lock({InodeId(1)});
  {
    const InodeLocks::Guard second = std::move(first);
    EXPECT_FALSE(locks.TryLock(InodeId(1)).has_value());
  }
  EXPECT_TRUE(locks.TryLock(InodeId(1)).has_value());
}

TEST(InodeLocksTest, ExcludeEachOtherWithoutDeadlock) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 2000;
  InodeLocks locks;
  std::array<int, 3> counters = {};  // each changed under its lock only
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&locks, &counters, t] {
      for (int i = 0; i < kRounds; ++i) {
        const size_t a = static_cast<size_t>(t + i) % 3;
        const size_t b = (a + 1 + static_cast<size_t>(t % 2)) % 3;
        const InodeLocks::Guard guard = locks.Lock({InodeId(a + 1), InodeId(b + 1)});
        ++counters[a];
        ++counters[b];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters[0] + counters[1] + counters[2], 2 * kThreads * kRounds);
}

}  // namespace
}  // namespace weft::metadata
