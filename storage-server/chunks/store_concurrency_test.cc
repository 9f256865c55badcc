// Many threads on few chunks: for ThreadSanitizer, and with the power going off in the middle.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"
#include "storage-server/chunks/testing/chunk_helpers.h"
#include "storage-server/chunks/testing/simulated_machine.h"

namespace weft::storage {
namespace {

constexpr uint32_t kChunkLog2 = 16;
constexpr uint32_t kChunkBytes = 1u << kChunkLog2;

bool IsUniform(const Bytes& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [&](std::byte b) { return b == bytes[0]; });
}

// Writers fill whole chunks with one value; whoever reads sees one value, never a mix.
TEST(StoreConcurrency, ReadersSeeWholeWrites) {
  constexpr int kWrites = 150;
  constexpr uint32_t kChunks = 3;
  TemporaryDirectory directory;
  absl::StatusOr<OpenedStore> opened = OpenTarget({.directory = directory.path() + "/target",
                                                   .node_uuid = "node",
                                                   .capacity_bytes = 32u << 20,
                                                   .segment_bytes = 4u << 20});
  ASSERT_TRUE(opened.ok()) << opened.status();
  ChunkStore& store = *opened->store;
  std::atomic<int> writers{3};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kWrites; ++i) {
        const Bytes data(kChunkBytes, static_cast<std::byte>(t * kWrites + i));
        const ChunkId chunk{ContentId(1), static_cast<uint32_t>(i) % kChunks};
        EXPECT_TRUE(WriteBytes(&store, chunk, 0, data, 0, kChunkLog2).ok());
      }
      --writers;
    });
  }
  for (uint32_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = t; writers > 0; ++i) {
        const absl::StatusOr<Bytes> bytes = ReadChunk(&store, {ContentId(1), i % kChunks});
        EXPECT_TRUE(bytes.ok()) << bytes.status();
        EXPECT_TRUE(IsUniform(bytes.value_or(Bytes())));
      }
    });
  }
  threads.emplace_back([&] {
    while (writers > 0) EXPECT_TRUE(store.Sync().ok());
  });
  uint64_t last_content = 2;
  threads.emplace_back([&] {
    for (uint32_t i = 0; writers > 0; ++i) {
      const ContentId content(last_content);
      const Bytes data = RandomBytes(100, i);
      EXPECT_TRUE(WriteBytes(&store, {content, i % 5}, i % 9000, data, 0, kChunkLog2).ok());
      if (i % 5 == 0) EXPECT_TRUE(store.Punch({{content, i % 5}, 50, 5000, 0}).ok());
      EXPECT_TRUE(store.End(content).ok());
      if (i % 7 == 0) {
        EXPECT_TRUE(store.RemoveContent(content).ok());
        ++last_content;
      }
      EXPECT_GT(store.space().free_bytes, 0u);
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(store.RemoveContent(ContentId(1)).ok());
  EXPECT_TRUE(store.RemoveContent(ContentId(last_content)).ok());
  EXPECT_EQ(store.space().free_bytes,
            store.space().capacity_bytes - BlockSpace::kReserveBlocks * kBlockBytes);
}

// Removals of a content at the same time wait neither for each other nor for its writers for ever,
// and nothing of it stays.
TEST(StoreConcurrency, RemovalsAndWritersOfAContent) {
  constexpr uint64_t kContents = 40;
  constexpr uint32_t kChunks = 8;
  SimulatedMachine machine(1, 32u << 20);
  ASSERT_TRUE(machine.Open().ok());
  LocalChunkStore& store = machine.store();
  const uint64_t free = store.space().free_bytes;
  for (uint64_t id = 1; id <= kContents; ++id) {
    const ContentId content(id);
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        const Bytes data = RandomBytes(5000, t);
        for (uint32_t i = t; refused < 2; ++i) {
          const int error =
              ErrnoOf(WriteBytes(&store, {content, i % kChunks}, 0, data, 0, kChunkLog2).status());
          if (error == 0) continue;
          EXPECT_EQ(error, ESTALE);
          ++refused;
        }
      });
    }
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] { EXPECT_TRUE(store.RemoveContent(content).ok()); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(store.End(content)->used_bytes, 0u);
  }
  EXPECT_EQ(store.space().free_bytes, free);
}

// What one thread did to the chunk that it owns, as a number that fills the chunk.
class Journal {
 public:
  void Begin(int value) {
    const MutexLock lock(&mutex_);
    values_.push_back(value);
  }
  void Acknowledge() {
    const MutexLock lock(&mutex_);
    acknowledged_ = values_.size();
  }
  [[nodiscard]] size_t acknowledged() const {
    const MutexLock lock(&mutex_);
    return acknowledged_;
  }
  void Durable(size_t count) {
    const MutexLock lock(&mutex_);
    durable_ = std::max(durable_, count);
  }
  // Whether the chunk may have this value (-1: no chunk) after power loss, or after a kill.
  [[nodiscard]] bool Allows(int value, bool power_lost) const {
    const MutexLock lock(&mutex_);
    const size_t first = power_lost ? durable_ : acknowledged_;
    if (first == 0 && value < 0) return true;
    return std::find(values_.begin() + static_cast<ptrdiff_t>(first == 0 ? 0 : first - 1),
                     values_.end(), value) != values_.end();
  }
  void Settle(int value) {
    const MutexLock lock(&mutex_);
    values_.clear();
    if (value >= 0) values_.push_back(value);
    acknowledged_ = durable_ = values_.size();
  }

 private:
  mutable Mutex mutex_;
  std::vector<int> values_ WEFT_GUARDED_BY(mutex_);
  size_t acknowledged_ WEFT_GUARDED_BY(mutex_) = 0;
  size_t durable_ WEFT_GUARDED_BY(mutex_) = 0;
};

class ConcurrentCrash : public testing::Test {
 protected:
  static constexpr size_t kWriters = 4;
  static constexpr int kValues = 256;

  // Writes whole chunks, and now and then a part that changes nothing but moves a block.
  void WriteUntilOff(uint32_t number) {
    const ChunkId chunk{ContentId(1), number};
    for (int value = 0; !machine_.power().is_off(); value = (value + 1) % kValues) {
      const Bytes data(kChunkBytes, static_cast<std::byte>(value));
      journals_[number].Begin(value);
      if (!WriteBytes(&machine_.store(), chunk, 0, data, 0, kChunkLog2).ok()) break;
      journals_[number].Acknowledge();
      const uint32_t offset = static_cast<uint32_t>(value) * 251;
      if (!WriteBytes(&machine_.store(), chunk, offset, std::span(data).first(1000), 0, kChunkLog2)
               .ok()) {
        break;
      }
    }
  }

  void SyncUntilOff() {
    while (!machine_.power().is_off()) {
      std::array<size_t, kWriters> acknowledged;
      for (size_t i = 0; i < kWriters; ++i) acknowledged[i] = journals_[i].acknowledged();
      if (!machine_.store().Sync().ok()) continue;
      for (size_t i = 0; i < kWriters; ++i) journals_[i].Durable(acknowledged[i]);
    }
  }

  void Check(bool power_lost, uint32_t seed) {
    for (uint32_t number = 0; number < kWriters; ++number) {
      const ChunkId chunk{ContentId(1), number};
      int value = -1;
      if (machine_.store().Stat(chunk).ok()) {
        const absl::StatusOr<Bytes> bytes = ReadChunk(&machine_.store(), chunk);
        ASSERT_TRUE(bytes.ok()) << bytes.status() << " WEFT_SEED=" << seed;
        ASSERT_EQ(bytes->size(), kChunkBytes);
        ASSERT_TRUE(IsUniform(*bytes)) << "a mix; WEFT_SEED=" << seed;
        value = static_cast<int>((*bytes)[0]);
      }
      ASSERT_TRUE(journals_[number].Allows(value, power_lost))
          << "chunk " << number << " has " << value << "; WEFT_SEED=" << seed;
      journals_[number].Settle(value);
    }
  }

  const uint32_t seed_ = TestSeed();
  SimulatedMachine machine_{seed_, 8u << 20};
  std::array<Journal, kWriters> journals_;
};

TEST_F(ConcurrentCrash, SyncedStatesSurviveAndNothingIsMixed) {
  std::mt19937 random(seed_);
  ASSERT_TRUE(machine_.Open().ok());
  for (int round = 0; round < 15; ++round) {
    machine_.power().Arm(200 + random() % 4000);
    std::vector<std::thread> threads;
    for (uint32_t number = 0; number < kWriters; ++number) {
      threads.emplace_back([this, number] { WriteUntilOff(number); });
    }
    threads.emplace_back([this] { SyncUntilOff(); });
    for (std::thread& thread : threads) thread.join();
    const bool power_lost = random() % 3 != 0;
    power_lost ? machine_.LosePower() : machine_.Kill();
    const absl::Status opened = machine_.Open();
    ASSERT_TRUE(opened.ok()) << opened << " WEFT_SEED=" << seed_;
    ASSERT_NO_FATAL_FAILURE(Check(power_lost, seed_)) << "round " << round;
  }
}

}  // namespace
}  // namespace weft::storage
