#include "storage-server/chunks/row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <random>

#include "common/crc32c.h"
#include "common/status.h"
#include "storage-server/chunks/testing/chunk_helpers.h"

namespace weft::storage {
namespace {

RowVersion Example() {
  RowVersion version{.version = 9, .length_bytes = 5 * kBlockBytes + 100, .cut = 3, .epoch = 77};
  version.extents = {{0, {2, 1000, 2}}, {4, {300, 7, 2}}};
  Resize(&version, version.length_bytes);
  for (const uint32_t block : {0, 1, 4, 5}) version.block_crc32c[block] = 0xabcd0000 + block;
  return version;
}

void ExpectSame(const RowVersion& a, const RowVersion& b) {
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.length_bytes, b.length_bytes);
  EXPECT_EQ(a.cut, b.cut);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.extents, b.extents);
  EXPECT_EQ(a.block_crc32c, b.block_crc32c);
}

TEST(Row, ComesBackFromItsBytes) {
  Row row{.current = Example(), .previous = {Example(), RowVersion{.version = 1}}};
  row.previous[0].length_bytes -= 50;
  const absl::StatusOr<Row> decoded = DecodeRow(EncodeRow(row));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ExpectSame(decoded->current, row.current);
  ASSERT_EQ(decoded->previous.size(), 2u);
  ExpectSame(decoded->previous[0], row.previous[0]);
  ExpectSame(decoded->previous[1], row.previous[1]);
}

TEST(Row, ExactBytes) {  // the format on disk must not change unnoticed
  RowVersion version{.version = 300, .length_bytes = kBlockBytes, .cut = 1, .epoch = 2};
  version.extents = {{0, {5, 6, 1}}};
  version.block_crc32c = {0x04030201};
  EXPECT_EQ(
      EncodeRow({.current = version}),
      std::string("\x01\x01\xac\x02\x80\x20\x01\x02\x01\x00\x01\x05\x06\x01\x02\x03\x04", 17));
  EXPECT_EQ(KeyOf({ContentId(0x0102), 3}), std::string("c\0\0\0\0\0\0\x01\x02\0\0\0\x03", 13));
}

TEST(Row, CutOffBytesAreRefused) {
  const std::string bytes = EncodeRow({.current = Example(), .previous = {Example()}});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ErrnoOf(DecodeRow(bytes.substr(0, size)).status()), EIO) << size;
  }
  EXPECT_EQ(ErrnoOf(DecodeRow(bytes + "x").status()), EIO);
}

TEST(Row, DamagedBytesNeverBreakTheDecoder) {
  const uint32_t seed = TestSeed();
  std::mt19937 random(seed);
  const std::string bytes = EncodeRow({.current = Example(), .previous = {Example()}});
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = bytes;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const absl::StatusOr<Row> row = DecodeRow(damaged);
    if (!row.ok()) continue;
    const RowVersion& version = row->current;
    ASSERT_LE(version.length_bytes, kMaxChunkBytes) << "WEFT_SEED=" << seed;
    ASSERT_EQ(version.block_crc32c.size(), BlocksOf(version.length_bytes)) << "WEFT_SEED=" << seed;
    if (!version.extents.empty()) {
      ASSERT_LE(version.extents.back().end(), version.block_crc32c.size()) << "WEFT_SEED=" << seed;
    }
  }
}

TEST(Row, KeysAreInOrderOfContentAndNumber) {
  EXPECT_LT(KeyOf({ContentId(1), UINT32_MAX}), KeyOf({ContentId(2), 0}));
  EXPECT_LT(KeyOf({ContentId(2), 255}), KeyOf({ContentId(2), 256}));
  const ChunkId chunk{ContentId(UINT64_MAX), 17};
  EXPECT_EQ(ChunkOfKey(KeyOf(chunk)).value(), chunk);
  EXPECT_EQ(ErrnoOf(ChunkOfKey("c123").status()), EIO);
}

TEST(Row, ResizeKeepsChecksumsExact) {
  const Bytes zeros(3 * kBlockBytes);
  RowVersion version;
  for (const uint32_t length : {100u, 4096u, 4097u, 12288u, 9000u, 8192u, 1u, 0u, 5000u}) {
    Resize(&version, length);  // all of it a hole
    EXPECT_EQ(version.block_crc32c, Crc32cOfPieces(0, std::span(zeros).first(length))) << length;
  }
}

TEST(Row, GrowingExtendsTheChecksumOfAStoredLastBlock) {
  Bytes bytes = RandomBytes(100, 1);
  RowVersion version;
  Resize(&version, 100);
  version.extents = {{0, {0, 0, 1}}};
  version.block_crc32c = Crc32cOfPieces(0, bytes);
  Resize(&version, 5000);
  bytes.resize(5000);
  EXPECT_EQ(version.block_crc32c, Crc32cOfPieces(0, bytes));
}

}  // namespace
}  // namespace weft::storage
