// Marks of contents that were cut or removed: durability, races with writers, and their end.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "common/crc32c.h"
#include "common/status.h"
#include "storage-server/chunks/testing/chunk_helpers.h"
#include "storage-server/chunks/testing/simulated_machine.h"

namespace weft::storage {
namespace {

using std::chrono::seconds;

const ChunkId kChunk{ContentId(1), 0};

class StoreMarksTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(machine_.Open().ok()); }

  int Write(ChunkId chunk, uint32_t cut = 0) {
    return ErrnoOf(WriteBytes(&machine_.store(), chunk, 0, RandomBytes(100, 1), cut).status());
  }
  // Keys of the index that begin with `prefix`.
  int Keys(char prefix) {
    int keys = 0;
    const std::string first(1, prefix);
    const std::string end(1, static_cast<char>(prefix + 1));
    EXPECT_TRUE(machine_.index()
                    .Connect()
                    ->Scan(first, end,
                           [&](std::string_view, std::string_view) {
                             ++keys;
                             return true;
                           })
                    .ok());
    return keys;
  }

  // Runs `cut` while a write of before has its chunk and has found nothing in its way.
  void RunBesideAWrite(const std::function<absl::Status()>& cut) {
    std::atomic<bool> has_chunk{false};
    std::thread writer([&] {
      const Bytes data = RandomBytes(100, 1);
      const std::vector<uint32_t> crcs = Crc32cOfPieces(0, data);
      const auto written = machine_.store().Write({.chunk = kChunk,
                                                   .data = data,
                                                   .piece_crc32c = crcs,
                                                   .chunk_bytes_log2 = 20,
                                                   .may_change = [&]() -> absl::Status {
                                                     has_chunk = true;
                                                     has_chunk.notify_all();
                                                     while (Keys('t') == 0)
                                                       std::this_thread::yield();
                                                     return absl::OkStatus();
                                                   }});
      EXPECT_TRUE(written.ok()) << written.status();
    });
    has_chunk.wait(false);
    const absl::Status status = cut();
    EXPECT_TRUE(status.ok()) << status;
    writer.join();
  }

  SimulatedMachine machine_{1, 8u << 20};
};

TEST_F(StoreMarksTest, ARemovalTakesWhatWasBeingWritten) {
  RunBesideAWrite([&] { return machine_.store().RemoveContent(kChunk.content).status(); });
  EXPECT_EQ(ErrnoOf(machine_.store().Stat(kChunk).status()), ENOENT);
  EXPECT_EQ(Keys('c'), 0);
}

TEST_F(StoreMarksTest, ACutTakesWhatWasBeingWritten) {
  RunBesideAWrite(
      [&] { return machine_.store().TruncateContent(kChunk.content, 0, 20, 1).status(); });
  EXPECT_EQ(machine_.store().Stat(kChunk)->length_bytes, 0u);
}

TEST_F(StoreMarksTest, ARemovalChangesTheIndexAFewTimesOnly) {
  const uint64_t free = machine_.store().space().free_bytes;
  for (uint32_t number = 0; number < 600; ++number) ASSERT_EQ(Write({ContentId(1), number}), 0);
  const uint64_t before = machine_.index().applies();
  EXPECT_EQ(machine_.store().RemoveContent(ContentId(1)).value(), 600u);
  EXPECT_LE(machine_.index().applies() - before, 5u) << "the mark, three batches and the sync";
  EXPECT_EQ(machine_.store().space().free_bytes, free);
}

TEST_F(StoreMarksTest, MarksAreDurableWhenTheCutReturns) {
  ASSERT_TRUE(machine_.store().RemoveContent(ContentId(1)).ok());
  ASSERT_TRUE(machine_.store().TruncateContent(ContentId(2), 0, 20, 5).ok());
  machine_.LosePower();
  ASSERT_TRUE(machine_.Open().ok());
  EXPECT_EQ(Write({ContentId(1), 0}), ESTALE);
  EXPECT_EQ(Write({ContentId(2), 0}, 4), ESTALE);
  EXPECT_EQ(Write({ContentId(2), 0}, 5), 0);
}

TEST_F(StoreMarksTest, ARemovedContentHasOneMarkWhichGoesAfterAnHour) {
  ASSERT_TRUE(machine_.store().TruncateContent(kChunk.content, 0, 20, 5).ok());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(machine_.store().RemoveContent(kChunk.content).ok());
    EXPECT_EQ(Keys('t'), 1);
    EXPECT_EQ(Keys('u'), 1);
    machine_.clock().Advance(seconds(kRemovedMarkStays) - seconds(1));
    ASSERT_TRUE(machine_.Open().ok());
    ASSERT_TRUE(machine_.store().Sync().ok());
    EXPECT_EQ(Write(kChunk), ESTALE);
    if (i == 0) machine_.clock().Advance(-seconds(kRemovedMarkStays) + seconds(1));
  }
  machine_.clock().Advance(seconds(62));  // it is looked for once a minute
  ASSERT_TRUE(machine_.store().Sync().ok());
  EXPECT_EQ(Keys('t') + Keys('u'), 0);
  EXPECT_EQ(Write(kChunk), 0);
}

TEST_F(StoreMarksTest, ManyOldMarksGoByAndByAndCutsStay) {
  constexpr uint64_t kContents = 600;
  ASSERT_TRUE(machine_.store().TruncateContent(ContentId(kContents + 1), 0, 20, 1).ok());
  for (uint64_t id = 1; id <= kContents; ++id) {
    ASSERT_TRUE(machine_.store().RemoveContent(ContentId(id)).ok());
  }
  machine_.clock().Advance(seconds(kRemovedMarkStays) + seconds(62));
  int before = Keys('u');
  EXPECT_EQ(before, static_cast<int>(kContents));
  for (int syncs = 0; syncs < 3; ++syncs) {
    ASSERT_TRUE(machine_.store().Sync().ok());
    EXPECT_LT(Keys('u'), before);
    if (syncs == 0) {
      EXPECT_GT(Keys('u'), 0) << "not all of them at once";
    }
    before = Keys('u');
  }
  EXPECT_EQ(Keys('u'), 0);
  EXPECT_EQ(Keys('t'), 1) << "that of the cut";
}

}  // namespace
}  // namespace weft::storage
