// What a ChunkStore must do, over a real directory with RocksDB and over the simulated machine.
#include "storage-server/chunks/chunk_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "storage-server/chunks/testing/chunk_helpers.h"
#include "storage-server/chunks/testing/simulated_machine.h"

namespace weft::storage {
namespace {

using testing::Each;
using testing::HasSubstr;

constexpr uint64_t kCapacityBytes = 8u << 20;
constexpr uint32_t kChunkLog2 = 20;
constexpr uint32_t kChunkBytes = 1u << kChunkLog2;
const ChunkId kChunk{ContentId(7), 3};

enum class Kind { kReal, kSimulated };

class ChunkStoreTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    opened_.store.reset();
    if (GetParam() == Kind::kReal) {
      absl::StatusOr<OpenedStore> opened = OpenTarget({.directory = directory_.path(),
                                                       .node_uuid = "node",
                                                       .capacity_bytes = kCapacityBytes,
                                                       .segment_bytes = 1u << 20});
      ASSERT_TRUE(opened.ok()) << opened.status();
      opened_ = *std::move(opened);
    } else {
      machine_.Close();
      ASSERT_TRUE(machine_.Open().ok());
    }
  }

  ChunkStore& store() { return GetParam() == Kind::kReal ? *opened_.store : machine_.store(); }

  absl::StatusOr<ChunkInfo> Write(ChunkId chunk, uint32_t offset_bytes,
                                  std::span<const std::byte> data, uint32_t cut = 0) {
    return WriteBytes(&store(), chunk, offset_bytes, data, cut, kChunkLog2);
  }
  void MustWrite(ChunkId chunk, uint32_t offset_bytes, std::span<const std::byte> data,
                 uint32_t cut = 0) {
    const absl::StatusOr<ChunkInfo> info = Write(chunk, offset_bytes, data, cut);
    ASSERT_TRUE(info.ok()) << info.status();
  }
  void ExpectChunk(ChunkId chunk, const Bytes& expected) {
    const absl::StatusOr<Bytes> bytes = ReadChunk(&store(), chunk);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_TRUE(*bytes == expected);
  }

  TemporaryDirectory directory_;
  OpenedStore opened_;
  SimulatedMachine machine_{1, kCapacityBytes};
};

TEST_P(ChunkStoreTest, AWholeChunkIsOneExtentAndComesBack) {
  const Bytes data = RandomBytes(kChunkBytes, 1);
  const ChunkInfo info = Write(kChunk, 0, data).value();
  EXPECT_EQ(info.length_bytes, kChunkBytes);
  EXPECT_EQ(info.used_bytes, kChunkBytes);
  EXPECT_EQ(info.extents, 1u);
  ExpectChunk(kChunk, data);
  Reopen();
  ExpectChunk(kChunk, data);
}

TEST_P(ChunkStoreTest, AlignedMemoryIsTakenAsItIs) {
  const Bytes data = RandomBytes(3 * kBlockBytes + 100, 1);
  const AlignedBuffer aligned(data.size());
  std::copy(data.begin(), data.end(), aligned.bytes().begin());
  MustWrite(kChunk, kBlockBytes, aligned.bytes().first(data.size()));
  Bytes expected(kBlockBytes);
  expected.insert(expected.end(), data.begin(), data.end());
  ExpectChunk(kChunk, expected);
}

TEST_P(ChunkStoreTest, NoChunkReadsAsNothing) {
  const ChunkRead read = store().Read(kChunk, 0, 100).value();
  EXPECT_EQ(read.info.version, 0u);
  EXPECT_EQ(read.data_bytes, 0u);
  EXPECT_EQ(ErrnoOf(store().Stat(kChunk).status()), ENOENT);
  EXPECT_FALSE(store().End(kChunk.content)->has_chunks);
}

TEST_P(ChunkStoreTest, VersionsRise) {
  uint64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    const uint64_t version = Write(kChunk, 0, RandomBytes(10, i)).value().version;
    EXPECT_GT(version, last);
    last = version;
  }
  EXPECT_GT(store().Punch({kChunk, 0, 5, 0})->version, last);
  EXPECT_EQ(store().Read(kChunk, 0, 1)->info.version, store().Stat(kChunk)->version);
}

TEST_P(ChunkStoreTest, PartsOfBlocksAreMerged) {
  Bytes expected;
  for (const auto& [offset, size] : std::vector<std::pair<uint32_t, uint32_t>>{
           {10, 100}, {4000, 200}, {4096, 4096}, {0, 1}, {12287, 2}, {5000, 9000}, {30000, 1}}) {
    const Bytes data = RandomBytes(size, offset);
    MustWrite(kChunk, offset, data);
    expected.resize(std::max<size_t>(expected.size(), offset + size));
    std::copy(data.begin(), data.end(), expected.begin() + offset);
    ExpectChunk(kChunk, expected);
  }
  Reopen();
  ExpectChunk(kChunk, expected);
}

TEST_P(ChunkStoreTest, HolesTakeNoSpaceAndReadAsZeros) {
  const Bytes data = RandomBytes(kBlockBytes, 1);
  const ChunkInfo info = Write(kChunk, 100 * kBlockBytes, data).value();
  EXPECT_EQ(info.length_bytes, 101 * kBlockBytes);
  EXPECT_EQ(info.used_bytes, kBlockBytes);
  Bytes expected(100 * kBlockBytes);
  expected.insert(expected.end(), data.begin(), data.end());
  ExpectChunk(kChunk, expected);
}

TEST_P(ChunkStoreTest, ReadsAreWidenedToBlocksAndEndWithTheChunk) {
  const Bytes data = RandomBytes(2 * kBlockBytes + 10, 1);
  MustWrite(kChunk, 0, data);
  const ChunkRead read = store().Read(kChunk, kBlockBytes + 5, kChunkBytes).value();
  EXPECT_EQ(read.data_offset_bytes, kBlockBytes);
  EXPECT_EQ(read.data_bytes, kBlockBytes + 10);
  EXPECT_TRUE(BytesOf(&store(), read).value() == Bytes(data.begin() + kBlockBytes, data.end()));
  const ChunkRead one = store().Read(kChunk, 100, 1).value();
  EXPECT_EQ(one.data_bytes, kBlockBytes);
  EXPECT_EQ(one.block_crc32c.size(), 1u);
  EXPECT_EQ(store().Read(kChunk, 2 * kBlockBytes + 10, 1)->data_bytes, 0u);
  EXPECT_EQ(store().Read(kChunk, 0, 0)->data_bytes, 0u);
}

TEST_P(ChunkStoreTest, AReadSeesOneVersion) {
  const Bytes old = RandomBytes(4 * kBlockBytes, 1);
  MustWrite(kChunk, 0, old);
  const ChunkRead read = store().Read(kChunk, 0, kChunkBytes).value();
  for (int i = 0; i < 20; ++i) MustWrite(kChunk, 0, RandomBytes(4 * kBlockBytes, 2 + i));
  ASSERT_TRUE(store().Sync().ok());
  EXPECT_TRUE(BytesOf(&store(), read).value() == old);
}

TEST_P(ChunkStoreTest, WrongChecksumsAndBoundsAreRefused) {
  const Bytes data = RandomBytes(2 * kBlockBytes, 1);
  std::vector<uint32_t> crcs = Crc32cOfPieces(100, data);
  ChunkWrite write{.chunk = kChunk,
                   .offset_bytes = 100,
                   .data = data,
                   .piece_crc32c = crcs,
                   .chunk_bytes_log2 = kChunkLog2};
  ++crcs[1];
  EXPECT_EQ(ErrnoOf(store().Write(write).status()), EBADMSG);
  write.piece_crc32c = std::span(crcs).first(2);
  EXPECT_EQ(ErrnoOf(store().Write(write).status()), EINVAL);
  EXPECT_EQ(ErrnoOf(Write(kChunk, kChunkBytes - 1, RandomBytes(2, 1)).status()), EINVAL);
  EXPECT_EQ(ErrnoOf(Write(kChunk, UINT32_MAX, RandomBytes(2, 1)).status()), EINVAL);
  EXPECT_EQ(ErrnoOf(Write(kChunk, 0, {}).status()), EINVAL);
  EXPECT_EQ(ErrnoOf(WriteBytes(&store(), kChunk, 0, data, 0, 27).status()), EINVAL);
  EXPECT_EQ(ErrnoOf(store().Stat(kChunk).status()), ENOENT) << "nothing changed";
}

TEST_P(ChunkStoreTest, PunchedBlocksAreZerosAndGiveTheirSpaceBack) {
  Bytes expected = RandomBytes(5 * kBlockBytes + 10, 1);
  MustWrite(kChunk, 0, expected);
  EXPECT_EQ(store().Punch({kChunk, 100, 2 * kBlockBytes, 0})->used_bytes, 5 * kBlockBytes);
  std::fill_n(expected.begin() + 100, 2 * kBlockBytes, std::byte{0});
  ExpectChunk(kChunk, expected);
  EXPECT_EQ(store().Punch({kChunk, 5 * kBlockBytes, 1000, 0})->used_bytes, 4 * kBlockBytes)
      << "a short last block is whole, too";
  std::fill(expected.begin() + 5 * kBlockBytes, expected.end(), std::byte{0});
  ExpectChunk(kChunk, expected);
  ASSERT_TRUE(store().Punch({kChunk, 10, 20, 0}).ok());
  std::fill_n(expected.begin() + 10, 20, std::byte{0});
  ExpectChunk(kChunk, expected);
  EXPECT_EQ(store().Punch({{ContentId(99), 0}, 0, 10, 0})->version, 0u);
  Reopen();
  ExpectChunk(kChunk, expected);
}

TEST_P(ChunkStoreTest, BytesPastATruncationNeverComeBack) {
  Bytes data = RandomBytes(3 * kBlockBytes, 1);
  const ContentId content(1);
  for (uint32_t number = 0; number < 4; ++number) MustWrite({content, number}, 0, data);
  const uint64_t size = kChunkBytes + kBlockBytes + 100;
  EXPECT_EQ(store().TruncateContent(content, size, kChunkLog2, 1).value(), 3u);
  EXPECT_EQ(store().TruncateContent(content, size, kChunkLog2, 1).value(), 0u) << "repeated";
  ExpectChunk({content, 0}, data);
  Bytes cut(data.begin(), data.begin() + kBlockBytes + 100);
  ExpectChunk({content, 1}, cut);
  ExpectChunk({content, 2}, {});
  const ContentEnd end = store().End(content).value();
  EXPECT_EQ(end.last_chunk, 1u);
  EXPECT_EQ(end.last_chunk_length_bytes, kBlockBytes + 100);
  EXPECT_EQ(end.used_bytes, 5 * kBlockBytes);

  EXPECT_EQ(ErrnoOf(Write({content, 1}, 0, data, 0).status()), ESTALE) << "written before the cut";
  EXPECT_EQ(ErrnoOf(Write({content, 2}, 0, data, 0).status()), ESTALE);
  EXPECT_EQ(ErrnoOf(store().Punch({{content, 1}, 0, 1, 0}).status()), ESTALE);
  MustWrite({content, 1}, 2 * kBlockBytes, RandomBytes(1, 5), 1);
  cut.resize(2 * kBlockBytes);
  cut.push_back(RandomBytes(1, 5)[0]);
  ExpectChunk({content, 1}, cut);
  EXPECT_EQ(store().TruncateContent(content, 0, kChunkLog2, 1).value(), 1u)
      << "only chunk 0 has a smaller cut";
  ExpectChunk({content, 1}, cut);
}

TEST_P(ChunkStoreTest, RemovedContentIsGoneAndItsSpaceIsFree) {
  const uint64_t before = store().space().free_bytes;
  for (uint32_t number = 0; number < 600; ++number) {
    MustWrite({ContentId(1), number}, number % 7, RandomBytes(100, number));
  }
  MustWrite({ContentId(2), 0}, 0, RandomBytes(10, 1));
  EXPECT_EQ(store().space().free_bytes, before - 601 * kBlockBytes);
  EXPECT_EQ(store().RemoveContent(ContentId(1)).value(), 600u);
  EXPECT_EQ(store().RemoveContent(ContentId(1)).value(), 0u);
  EXPECT_EQ(ErrnoOf(store().Stat({ContentId(1), 5}).status()), ENOENT);
  EXPECT_EQ(store().space().free_bytes, before - kBlockBytes);
  Reopen();
  EXPECT_EQ(store().space().free_bytes, before - kBlockBytes);
  EXPECT_FALSE(store().End(ContentId(1))->has_chunks);
  EXPECT_TRUE(store().End(ContentId(2))->has_chunks);
}

TEST_P(ChunkStoreTest, ACutCountsForChunksThatAreNotThere) {
  const Bytes data = RandomBytes(100, 1);
  const ContentId content(1);
  EXPECT_EQ(store().TruncateContent(content, 10, kChunkLog2, 2).value(), 0u);
  EXPECT_EQ(store().TruncateContent(content, 10, kChunkLog2, 1).value(), 0u)
      << "late, changes nothing";
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ErrnoOf(Write({content, 5}, 0, data, 1).status()), ESTALE);
    EXPECT_EQ(ErrnoOf(store().Punch({{content, 5}, 0, 10, 1}).status()), ESTALE);
    Reopen();
  }
  MustWrite({content, 5}, 0, data, 2);
  MustWrite({ContentId(2), 5}, 0, data, 0);
  EXPECT_EQ(store().End(content)->last_chunk, 5u);
}

TEST_P(ChunkStoreTest, ARemovedContentTakesNoChunks) {
  const Bytes data = RandomBytes(100, 1);
  const ContentId content(1);
  EXPECT_EQ(store().TruncateContent(content, 10, kChunkLog2, 2).value(), 0u);
  MustWrite({content, 0}, 0, data, 2);
  EXPECT_EQ(store().RemoveContent(content).value(), 1u);
  EXPECT_EQ(store().TruncateContent(content, 0, kChunkLog2, 3).value(), 0u);
  EXPECT_EQ(store().RemoveContent(ContentId(2)).value(), 0u) << "one without chunks";
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ErrnoOf(Write({content, 0}, 0, data, 7).status()), ESTALE);
    EXPECT_EQ(ErrnoOf(store().Punch({{content, 1}, 0, 10, 7}).status()), ESTALE);
    EXPECT_EQ(ErrnoOf(Write({ContentId(2), 0}, 0, data, 0).status()), ESTALE);
    EXPECT_FALSE(store().End(content)->has_chunks);
    Reopen();
  }
  MustWrite({ContentId(3), 0}, 0, data, 0);
}

TEST_P(ChunkStoreTest, AChangeIsAskedForWhenItHasItsChunk) {
  const Bytes data = RandomBytes(100, 1);
  const std::vector<uint32_t> crcs = Crc32cOfPieces(0, data);
  const MayChange no = [] { return PosixError(ECANCELED, "too late"); };
  ChunkWrite write{.chunk = kChunk,
                   .data = data,
                   .piece_crc32c = crcs,
                   .chunk_bytes_log2 = kChunkLog2,
                   .may_change = no};
  EXPECT_EQ(ErrnoOf(store().Write(write).status()), ECANCELED);
  EXPECT_EQ(ErrnoOf(store().Stat(kChunk).status()), ENOENT);
  write.may_change = [] { return absl::OkStatus(); };
  ASSERT_TRUE(store().Write(write).ok());
  EXPECT_EQ(ErrnoOf(store().Punch({kChunk, 0, 100, 0, no}).status()), ECANCELED);
  ExpectChunk(kChunk, data);
}

TEST_P(ChunkStoreTest, ChangesTellHowMuchSpaceTheChunkTookBefore) {
  ChunkInfo info = Write(kChunk, 0, RandomBytes(2 * kBlockBytes, 1)).value();
  EXPECT_EQ(info.used_bytes_before, 0u);
  info = Write(kChunk, kBlockBytes, RandomBytes(2 * kBlockBytes, 1)).value();
  EXPECT_EQ(info.used_bytes_before, 2 * kBlockBytes);
  EXPECT_EQ(info.used_bytes, 3 * kBlockBytes);
  info = store().Punch({kChunk, 0, 2 * kBlockBytes, 0}).value();
  EXPECT_EQ(info.used_bytes_before, 3 * kBlockBytes);
  EXPECT_EQ(info.used_bytes, kBlockBytes);
  info = store().Punch({kChunk, kChunkBytes - 1, 1, 0}).value();
  EXPECT_EQ(info.used_bytes_before, info.used_bytes) << "behind the end";
}

TEST_P(ChunkStoreTest, TheLargestIdsWork) {
  const ChunkId last{ContentId(UINT64_MAX), UINT32_MAX};
  const Bytes data = RandomBytes(100, 1);
  MustWrite(last, 0, data);
  ExpectChunk(last, data);
  EXPECT_EQ(store().End(last.content)->last_chunk, UINT32_MAX);
  EXPECT_EQ(store().TruncateContent(last.content, 0, kChunkLog2, 1).value(), 1u);
  EXPECT_EQ(store().RemoveContent(last.content).value(), 1u);
}

TEST_P(ChunkStoreTest, AFullTargetSaysSoAndKeepsWhatItHas) {
  const uint64_t initial = store().space().free_bytes;
  const Bytes data = RandomBytes(kChunkBytes, 1);
  uint32_t written = 0;
  absl::Status status;
  while ((status = Write({ContentId(1), written}, 0, data).status()).ok()) ++written;
  EXPECT_EQ(ErrnoOf(status), ENOSPC) << status;
  EXPECT_EQ(written, initial / kChunkBytes);
  EXPECT_LT(store().space().free_bytes, kChunkBytes);
  for (uint32_t number = 0; number < written; ++number) ExpectChunk({ContentId(1), number}, data);
  EXPECT_EQ(ErrnoOf(store().Stat({ContentId(1), written}).status()), ENOENT);

  uint32_t single = 0;  // to the last block
  while (Write({ContentId(2), single}, 0, std::span(data).first(1)).ok()) ++single;
  EXPECT_EQ(store().space().free_bytes, 0u);
  EXPECT_TRUE(store().Punch({{ContentId(1), 0}, 1, kBlockBytes, 0}).ok()) << "uses the reserve";
  EXPECT_TRUE(store().TruncateContent(ContentId(1), 10, kChunkLog2, 1).ok());
  MustWrite({ContentId(3), 0}, 0, data);  // although no time has passed
  ExpectChunk({ContentId(3), 0}, data);
  for (uint64_t content = 1; content <= 3; ++content) {
    EXPECT_TRUE(store().RemoveContent(ContentId(content)).ok());
  }
  EXPECT_EQ(store().space().free_bytes, initial);
}

TEST_P(ChunkStoreTest, OverwritingAFullTargetWorksChunkByChunk) {
  const uint64_t chunks = store().space().free_bytes / kChunkBytes - 1;
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t number = 0; number < chunks; ++number) {
      MustWrite({ContentId(1), number}, 0, RandomBytes(kChunkBytes, round * 100 + number));
      if (HasFatalFailure()) return;
    }
  }
  ExpectChunk({ContentId(1), 0}, RandomBytes(kChunkBytes, 200));
}

TEST_P(ChunkStoreTest, ManySmallWritesLeaveFewExtents) {
  Bytes expected = RandomBytes(kChunkBytes, 1);
  MustWrite(kChunk, 0, expected);
  ChunkInfo info;
  for (uint32_t i = 0; i < 400; ++i) {
    const uint32_t block = i * 97 % (kChunkBytes / kBlockBytes);
    const Bytes data = RandomBytes(kBlockBytes, i);
    info = Write(kChunk, block * kBlockBytes, data).value();
    ASSERT_LE(info.extents, LocalChunkStore::kMaxExtents + 2);
    std::copy(data.begin(), data.end(), expected.begin() + block * kBlockBytes);
  }
  EXPECT_EQ(info.used_bytes, kChunkBytes);
  ExpectChunk(kChunk, expected);
}

TEST_P(ChunkStoreTest, AListTellsWhatIsStoredAndWhatIsAHole) {
  const ContentId content(9);
  MustWrite({content, 2}, 5 * kBlockBytes, RandomBytes(100, 1));
  MustWrite({content, 2}, 0, RandomBytes(2 * kBlockBytes, 2));
  MustWrite({content, 2}, 2 * kBlockBytes, RandomBytes(kBlockBytes, 3));  // another extent
  MustWrite({content, 5}, 0, RandomBytes(kChunkBytes, 4));
  MustWrite({content, 6}, 0, RandomBytes(10, 5));
  MustWrite({ContentId(10), 0}, 0, RandomBytes(10, 6));

  const ContentPage all = store().List(content, 0, 100).value();
  EXPECT_TRUE(all.at_end);
  ASSERT_EQ(all.chunks.size(), 3u);
  using Range = ChunkExtent::Range;
  EXPECT_EQ(all.chunks[0].chunk, 2u);
  EXPECT_EQ(all.chunks[0].length_bytes, 5 * kBlockBytes + 100);
  EXPECT_THAT(all.chunks[0].stored,
              testing::ElementsAre(Range{0, 3 * kBlockBytes},
                                   Range{5 * kBlockBytes, 5 * kBlockBytes + 100}));
  EXPECT_THAT(all.chunks[1].stored, testing::ElementsAre(Range{0, kChunkBytes}));
  EXPECT_THAT(all.chunks[2].stored, testing::ElementsAre(Range{0, 10}));

  const ContentPage page = store().List(content, 3, 1).value();
  EXPECT_FALSE(page.at_end);
  ASSERT_EQ(page.chunks.size(), 1u);
  EXPECT_EQ(page.chunks[0].chunk, 5u);
  EXPECT_TRUE(store().List(content, 6, 1)->at_end);
  EXPECT_TRUE(store().List(content, 7, 1)->chunks.empty());
}

TEST_P(ChunkStoreTest, DurabilityIdStaysOverACleanRestart) {
  const std::string id = store().durability_id();
  EXPECT_FALSE(id.empty());
  Reopen();
  EXPECT_EQ(store().durability_id(), id);
}

INSTANTIATE_TEST_SUITE_P(Both, ChunkStoreTest, testing::Values(Kind::kReal, Kind::kSimulated),
                         [](const testing::TestParamInfo<Kind>& info) {
                           return info.param == Kind::kReal ? "Real" : "Simulated";
                         });

}  // namespace
}  // namespace weft::storage
