// A store whose disk or index fails, loses power at chosen moments, or gives wrong bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "common/status.h"
#include "storage-server/chunks/testing/chunk_helpers.h"
#include "storage-server/chunks/testing/simulated_machine.h"

namespace weft::storage {
namespace {

using testing::HasSubstr;

const ChunkId kChunk{ContentId(1), 0};

class StoreFaultTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(machine_.Open().ok()); }

  absl::Status Write(uint32_t seed, uint32_t size = 3 * kBlockBytes) {
    return WriteBytes(&machine_.store(), kChunk, 0, RandomBytes(size, seed)).status();
  }
  Bytes Stored() {
    const absl::StatusOr<Bytes> bytes = ReadChunk(&machine_.store(), kChunk);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or(Bytes());
  }
  void Reopen() { ASSERT_TRUE(machine_.Open().ok()); }

  SimulatedMachine machine_{1, 8u << 20};
};

// Writes are refused, reads go on, and a new open takes writes again.
void ExpectReadOnly(SimulatedMachine* machine, const std::string& id_before) {
  LocalChunkStore& store = machine->store();
  EXPECT_THAT(store.fault(), HasSubstr("on demand"));
  EXPECT_NE(store.durability_id(), id_before);
  EXPECT_EQ(ErrnoOf(WriteBytes(&store, kChunk, 0, RandomBytes(1, 9)).status()), EROFS);
  EXPECT_EQ(ErrnoOf(store.Punch({kChunk, 0, 1, 0}).status()), EROFS);
  EXPECT_EQ(ErrnoOf(store.Sync()), EROFS);
  EXPECT_EQ(ErrnoOf(store.RemoveContent(kChunk.content).status()), EROFS);
  EXPECT_EQ(ErrnoOf(store.TruncateContent(kChunk.content, 0, 20, 1).status()), EROFS);
  EXPECT_TRUE(store.Stat(kChunk).ok());
  EXPECT_TRUE(store.Read(kChunk, 0, 1).ok());
}

TEST_F(StoreFaultTest, AFailedSegmentSyncStopsWrites) {
  ASSERT_TRUE(Write(1).ok());
  ASSERT_TRUE(machine_.store().Sync().ok());
  ASSERT_TRUE(Write(2).ok());
  const std::string id = machine_.store().durability_id();
  machine_.disk().FailNextSync(EIO);
  EXPECT_EQ(ErrnoOf(machine_.store().Sync()), EIO);
  ExpectReadOnly(&machine_, id);
  machine_.Kill();  // what the failed sync dropped shows now
  Reopen();
  EXPECT_TRUE(machine_.store().fault().empty());
  const Bytes found = Stored();
  const bool lost = found == RandomBytes(3 * kBlockBytes, 1);
  EXPECT_TRUE(lost || found == RandomBytes(3 * kBlockBytes, 2));
  EXPECT_EQ(machine_.store().durability_id() != id, lost) << "who wrote it must learn of the loss";
  EXPECT_TRUE(Write(3).ok());
}

TEST_F(StoreFaultTest, AFailedIndexSyncStopsWrites) {
  ASSERT_TRUE(Write(1).ok());
  const std::string id = machine_.store().durability_id();
  machine_.index().FailNextSync(EIO);
  EXPECT_EQ(ErrnoOf(machine_.store().Sync()), EIO);
  ExpectReadOnly(&machine_, id);
}

TEST_F(StoreFaultTest, AFailedIndexWriteStopsWrites) {
  ASSERT_TRUE(Write(1).ok());
  const std::string id = machine_.store().durability_id();
  machine_.index().FailNextApply(EIO);
  EXPECT_EQ(ErrnoOf(Write(2)), EIO);
  ExpectReadOnly(&machine_, id);
  EXPECT_TRUE(Stored() == RandomBytes(3 * kBlockBytes, 1));
}

TEST_F(StoreFaultTest, AFailedDataWriteFailsThatWriteOnly) {
  ASSERT_TRUE(Write(1).ok());
  const uint64_t free = machine_.store().space().free_bytes;
  machine_.disk().FailNextWrite(EIO);
  EXPECT_EQ(ErrnoOf(Write(2)), EIO);
  machine_.disk().FailNextWrite(ENOSPC);
  EXPECT_EQ(ErrnoOf(Write(2)), ENOSPC);
  EXPECT_EQ(machine_.store().space().free_bytes, free) << "blocks leaked";
  EXPECT_TRUE(machine_.store().fault().empty());
  EXPECT_TRUE(Stored() == RandomBytes(3 * kBlockBytes, 1));
  EXPECT_TRUE(Write(3).ok());
}

TEST_F(StoreFaultTest, DamageIsNamedWhereAWriteNeedsTheOldBytes) {
  ASSERT_TRUE(Write(1).ok());
  machine_.disk().Damage("00000000", 5);
  const absl::Status status =
      WriteBytes(&machine_.store(), kChunk, 100, RandomBytes(1, 2)).status();
  EXPECT_EQ(ErrnoOf(status), EIO);
  EXPECT_THAT(MessageOf(status), HasSubstr("content 1 chunk 0 block 0"));
  EXPECT_TRUE(WriteBytes(&machine_.store(), kChunk, kBlockBytes, RandomBytes(1, 2)).ok())
      << "another block is whole";
  EXPECT_EQ(ErrnoOf(ReadChunk(&machine_.store(), kChunk).status()), EBADMSG);
  EXPECT_TRUE(Write(3).ok()) << "overwriting the whole block heals it";
  EXPECT_TRUE(Stored() == RandomBytes(3 * kBlockBytes, 3));
}

TEST_F(StoreFaultTest, SyncedWritesSurvivePowerLossAndTheIdChanges) {
  ASSERT_TRUE(Write(1).ok());
  ASSERT_TRUE(machine_.store().Sync().ok());
  const std::string id = machine_.store().durability_id();
  machine_.LosePower();
  Reopen();
  EXPECT_TRUE(Stored() == RandomBytes(3 * kBlockBytes, 1));
  EXPECT_NE(machine_.store().durability_id(), id);
}

TEST_F(StoreFaultTest, AcknowledgedWritesSurviveAKillAndTheIdStays) {
  const std::string id = machine_.store().durability_id();
  ASSERT_TRUE(Write(1).ok());
  machine_.Kill();
  Reopen();
  EXPECT_TRUE(Stored() == RandomBytes(3 * kBlockBytes, 1));
  EXPECT_EQ(machine_.store().durability_id(), id);
}

TEST_F(StoreFaultTest, RemovalAndTruncationAreDurableWhenTheyReturn) {
  const ChunkId other{ContentId(2), 0};
  ASSERT_TRUE(Write(1).ok());
  ASSERT_TRUE(WriteBytes(&machine_.store(), other, 0, RandomBytes(9000, 1)).ok());
  ASSERT_TRUE(machine_.store().Sync().ok());
  ASSERT_TRUE(machine_.store().RemoveContent(kChunk.content).ok());
  ASSERT_TRUE(machine_.store().TruncateContent(other.content, 100, 20, 1).ok());
  machine_.LosePower();
  Reopen();
  EXPECT_EQ(ErrnoOf(machine_.store().Stat(kChunk).status()), ENOENT);
  Bytes expected = RandomBytes(9000, 1);
  expected.resize(100);
  EXPECT_TRUE(ReadChunk(&machine_.store(), other).value() == expected);
}

// A block is torn between its bytes and the zeros that follow the chunk's end: growing the chunk
// later would expose what the block held before.
TEST_F(StoreFaultTest, WhatFollowsTheEndInABlockIsZeroAfterPowerLossToo) {
  for (uint32_t round = 0; round < 40; ++round) {
    const ChunkId before{ContentId(100 + round), 0};
    const ChunkId chunk{ContentId(200 + round), 0};
    const Bytes random = RandomBytes(3 * kBlockBytes, round);
    ASSERT_TRUE(WriteBytes(&machine_.store(), before, 0, random).ok());
    ASSERT_TRUE(machine_.store().Sync().ok());
    ASSERT_TRUE(machine_.store().RemoveContent(before.content).ok());
    machine_.Kill();
    Reopen();  // now the same blocks are given out again
    ASSERT_TRUE(WriteBytes(&machine_.store(), chunk, 0, std::span(random).first(100)).ok());
    machine_.LosePower();
    Reopen();
    if (!machine_.store().Stat(chunk).ok()) continue;
    Bytes expected = RandomBytes(100, round);
    expected.resize(2 * kBlockBytes);
    expected.push_back(std::byte{1});
    ASSERT_TRUE(WriteBytes(&machine_.store(), chunk, 2 * kBlockBytes,
                           std::span(expected).subspan(2 * kBlockBytes))
                    .ok());
    ASSERT_TRUE(ReadChunk(&machine_.store(), chunk).value() == expected) << "round " << round;
    ASSERT_TRUE(machine_.store().RemoveContent(chunk.content).ok());
  }
}

TEST_F(StoreFaultTest, BlocksOfAReadAreNotUsedAgainWhileItLives) {
  ASSERT_TRUE(Write(1).ok());
  absl::StatusOr<ChunkRead> read = machine_.store().Read(kChunk, 0, kBlockBytes);
  ASSERT_TRUE(read.ok());
  ASSERT_TRUE(machine_.store().RemoveContent(kChunk.content).ok());
  machine_.clock().Advance(Quarantine::kTime * 2);
  const Bytes data = RandomBytes(1u << 20, 2);  // fill the target
  uint32_t number = 0;
  while (WriteBytes(&machine_.store(), {ContentId(2), number}, 0, data).ok()) ++number;
  while (WriteBytes(&machine_.store(), {ContentId(3), number}, 0, std::span(data).first(1)).ok()) {
    ++number;
  }
  Bytes first = RandomBytes(3 * kBlockBytes, 1);
  first.resize(kBlockBytes);
  EXPECT_TRUE(BytesOf(&machine_.store(), *read).value() == first);
  const ChunkId one_more{ContentId(4), 0};
  const std::span<const std::byte> byte = std::span(data).first(1);
  EXPECT_EQ(ErrnoOf(WriteBytes(&machine_.store(), one_more, 0, byte).status()), ENOSPC);
  read = ChunkRead();
  EXPECT_TRUE(WriteBytes(&machine_.store(), one_more, 0, byte).ok());
}

TEST_F(StoreFaultTest, FreedBlocksWaitWhileThereAreOthers) {
  ASSERT_TRUE(Write(1).ok());
  const ChunkRead::Range before = machine_.store().Read(kChunk, 0, 1)->ranges.at(0);
  ASSERT_TRUE(machine_.store().RemoveContent(kChunk.content).ok());
  // Where up to `count` new chunks of one block lie in that segment.
  const auto places = [&](ContentId content, uint32_t count) {
    std::vector<uint64_t> offsets;
    for (uint32_t number = 0; number < count; ++number) {
      const ChunkId chunk{content, number};
      if (!WriteBytes(&machine_.store(), chunk, 0, RandomBytes(1, 1)).ok()) break;
      const ChunkRead::Range range = machine_.store().Read(chunk, 0, 1)->ranges.at(0);
      if (range.fd == before.fd) offsets.push_back(range.offset_bytes);
    }
    return offsets;
  };
  constexpr uint32_t kSegmentBlocks = SimulatedMachine::kSegmentBytes / kBlockBytes;
  EXPECT_THAT(places(ContentId(2), kSegmentBlocks), testing::SizeIs(kSegmentBlocks - 3))
      << "all others";
  ASSERT_TRUE(machine_.store().RemoveContent(ContentId(2)).ok());
  machine_.clock().Advance(Quarantine::kTime);
  EXPECT_THAT(places(ContentId(3), UINT32_MAX), testing::Contains(before.offset_bytes));
}

}  // namespace
}  // namespace weft::storage
