#include "common/wire/buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/wire/backoff.h"

namespace weft::wire {
namespace {

TEST(BufferTest, IsAlignedAndLargeEnough) {
  for (const size_t bytes :
       {size_t{0}, size_t{1}, size_t{4096}, size_t{4097}, size_t{1} << 20, (size_t{1} << 20) + 1,
        size_t{kMaxChunkBytes}, size_t{kMaxChunkBytes} + 1}) {
    const Buffer buffer(bytes);
    EXPECT_EQ(buffer.size(), bytes);
    EXPECT_GE(buffer.capacity(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 4096, 0U) << bytes;
    std::memset(buffer.data(), 1, bytes);
  }
}

TEST(BufferTest, MovingLeavesNothingBehind) {
  Buffer first(5000);
  std::byte* const data = first.data();
  Buffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(first.data(), nullptr);
  EXPECT_EQ(first.size(), 0U);
  Buffer third(100);
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.size(), 5000U);
  EXPECT_EQ(second.data(), nullptr);
  Buffer& same = third;
  third = std::move(same);
  EXPECT_EQ(third.size(), 5000U);
}

TEST(BufferTest, ResizesWithinItsCapacity) {
  Buffer buffer(5000);
  buffer.Resize(buffer.capacity());
  EXPECT_EQ(buffer.bytes().size(), buffer.capacity());
  buffer.Resize(0);
  EXPECT_TRUE(buffer.bytes().empty());
  EXPECT_DEATH(buffer.Resize(buffer.capacity() + 1), "");
}

TEST(BufferTest, MemoryIsUsedAgain) {
  std::byte* memory = nullptr;
  {
    const Buffer buffer(3 << 20);
    memory = buffer.data();
  }
  const Buffer again(3 << 20);
  EXPECT_EQ(again.data(), memory);
}

TEST(BufferTest, NoTwoThreadsGetTheSameMemory) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (size_t round = 0; round < 500; ++round) {
        const size_t bytes = 1 + (round * 7919) % 40000;
        const Buffer buffer(bytes);
        std::memset(buffer.data(), i, bytes);
        const Buffer other(bytes);
        std::memset(other.data(), 100 + i, bytes);
        const std::string mine(bytes, static_cast<char>(i));
        ASSERT_EQ(std::memcmp(buffer.data(), mine.data(), bytes), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(BackoffTest, WaitsDoubleUpToTheBound) {
  using std::chrono::milliseconds;
  Backoff backoff(Backoff::TimePoint::max(), milliseconds(4), milliseconds(50));
  for (const int most : {4, 8, 16, 32, 50, 50, 50}) {
    const milliseconds wait = backoff.Next();
    EXPECT_GE(wait.count(), most / 2);
    EXPECT_LE(wait.count(), most);
  }
}

TEST(BackoffTest, EndsAtTheDeadline) {
  const auto now = std::chrono::steady_clock::now();
  Backoff past(now);
  EXPECT_FALSE(past.Wait());
  EXPECT_EQ(past.Left().count(), 1);

  const auto deadline = now + std::chrono::milliseconds(20);
  Backoff soon(deadline, std::chrono::milliseconds(8));
  int waits = 0;
  while (soon.Wait()) ++waits;
  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
  EXPECT_LE(waits, 5);  // at least 4, 8 and the rest
}

}  // namespace
}  // namespace weft::wire
