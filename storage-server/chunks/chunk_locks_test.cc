#include "storage-server/chunks/chunk_locks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

namespace weft::storage {
namespace {

const ContentId kContent(1);

TEST(ChunkLocksTest, AwaitHoldersWaitsForThoseOfTheContentOnly) {
  ChunkLocks locks;
  const ChunkLocks::Hold other(&locks, {ContentId(2), 0});
  locks.AwaitHolders(kContent);
  auto held = std::make_unique<ChunkLocks::Hold>(&locks, ChunkId{kContent, 3});
  std::atomic<bool> returned{false};
  std::thread waiter([&] {
    locks.AwaitHolders(kContent);
    returned = true;
  });
  EXPECT_FALSE(returned);
  held.reset();
  waiter.join();
  EXPECT_TRUE(returned);
}

TEST(ChunkLocksTest, AwaitHoldersDoesNotWaitForLaterHolders) {
  ChunkLocks locks;
  std::optional<ChunkLocks::Hold> held;
  held.emplace(&locks, ChunkId{kContent, 0});
  std::thread waiter([&] { locks.AwaitHolders(kContent); });
  // The chunk never seems free to the waiter, but by the number of the hold.
  std::atomic<bool> done{false};
  std::thread taker([&] {
    while (!done) const ChunkLocks::Hold again(&locks, {kContent, 0});
  });
  held.reset();
  waiter.join();
  done = true;
  taker.join();
}

}  // namespace
}  // namespace weft::storage
