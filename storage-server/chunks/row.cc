#include "storage-server/chunks/row.h"

#include <algorithm>
#include <array>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "storage-server/chunks/big_endian.h"

namespace weft::storage {
namespace {

constexpr char kRowFormat = 1;
constexpr char kChunkPrefix = 'c';
constexpr size_t kKeyBytes = 1 + 8 + 4;
constexpr int kVarintBitsMax = 63;

void PutVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void PutFixed32(std::string* out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift));
}

// Reads values one after the other; once one does not fit, ok() is false and all are 0.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

  uint64_t Varint(uint64_t max) {
    uint64_t value = 0;
    for (int shift = 0; shift <= kVarintBitsMax; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value <= max ? value : Fail();
    }
    return Fail();
  }
  uint32_t Varint32(uint32_t max = UINT32_MAX) { return static_cast<uint32_t>(Varint(max)); }

  void Reject() { Fail(); }

  uint32_t Fixed32() {
    if (bytes_.size() < 4) return static_cast<uint32_t>(Fail());
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes_[i])} << (8 * i);
    bytes_.remove_prefix(4);
    return value;
  }

 private:
  uint64_t Fail() {
    ok_ = false;
    bytes_ = {};
    return 0;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

void PutVersion(std::string* out, const RowVersion& row) {
  PutVarint(out, row.version);
  PutVarint(out, row.length_bytes);
  PutVarint(out, row.cut);
  PutVarint(out, row.epoch);
  PutVarint(out, row.extents.size());
  uint32_t end = 0;
  for (const Extent& extent : row.extents) {
    PutVarint(out, extent.chunk_block - end);
    PutVarint(out, extent.run.count);
    PutVarint(out, extent.run.segment);
    PutVarint(out, extent.run.block);
    end = extent.end();
  }
  for (const Extent& extent : row.extents) {
    for (uint32_t block = extent.chunk_block; block < extent.end(); ++block) {
      PutFixed32(out, row.block_crc32c[block]);
    }
  }
}

RowVersion GetVersion(Reader* in) {
  RowVersion row;
  row.version = in->Varint(UINT64_MAX);
  row.length_bytes = in->Varint32(kMaxChunkBytes);
  row.cut = in->Varint32();
  row.epoch = in->Varint(UINT64_MAX);
  const uint32_t blocks = BlocksOf(row.length_bytes);
  const uint32_t extents = in->Varint32(blocks);
  uint32_t end = 0;
  for (uint32_t i = 0; i < extents && in->ok(); ++i) {
    Extent extent;
    extent.chunk_block = end + in->Varint32(blocks - end);
    extent.run.count = in->Varint32(blocks - extent.chunk_block);
    extent.run.segment = in->Varint32();
    extent.run.block = in->Varint32(UINT32_MAX - blocks);
    if (extent.run.count == 0) in->Reject();
    end = extent.end();
    row.extents.push_back(extent);
  }
  if (!in->ok()) return {};
  Resize(&row, row.length_bytes);
  for (const Extent& extent : row.extents) {
    for (uint32_t block = extent.chunk_block; block < extent.end(); ++block) {
      row.block_crc32c[block] = in->Fixed32();
    }
  }
  return row;
}

}  // namespace

uint32_t BytesInBlock(uint32_t length_bytes, uint32_t block) {
  const uint32_t start = block * kBlockBytes;
  return length_bytes <= start ? 0 : std::min(kBlockBytes, length_bytes - start);
}

uint32_t Crc32cOfZeros(uint32_t bytes) {
  static constexpr std::array<std::byte, kBlockBytes> kZeros{};
  return bytes == kBlockBytes ? Crc32cOfZeroBlock() : Crc32c(std::span(kZeros).first(bytes));
}

ChunkInfo InfoOf(const RowVersion& row) {
  return {.version = row.version,
          .length_bytes = row.length_bytes,
          .used_bytes = StoredBlocks(row.extents) * kBlockBytes,
          .extents = static_cast<uint32_t>(row.extents.size())};
}

void Resize(RowVersion* row, uint32_t length_bytes) {
  static constexpr std::array<std::byte, kBlockBytes> kZeros{};
  const uint32_t old_blocks = static_cast<uint32_t>(row->block_crc32c.size());
  const uint32_t blocks = BlocksOf(length_bytes);
  if (blocks < old_blocks) row->extents = WithHole(row->extents, blocks, old_blocks);
  if (old_blocks > 0 && length_bytes > row->length_bytes) {  // its last block grows by zeros
    const uint32_t last = old_blocks - 1;
    const uint32_t grown = BytesInBlock(length_bytes, last) - BytesInBlock(row->length_bytes, last);
    row->block_crc32c[last] = Crc32cExtend(row->block_crc32c[last], std::span(kZeros).first(grown));
  }
  row->block_crc32c.resize(blocks, Crc32cOfZeroBlock());
  row->length_bytes = length_bytes;
  if (blocks > 0 && !IsStored(row->extents, blocks - 1)) {
    row->block_crc32c[blocks - 1] = Crc32cOfZeros(BytesInBlock(length_bytes, blocks - 1));
  }
}

std::string EncodeRow(const Row& row) {
  std::string out(1, kRowFormat);
  PutVarint(&out, 1 + row.previous.size());
  PutVersion(&out, row.current);
  for (const RowVersion& previous : row.previous) PutVersion(&out, previous);
  return out;
}

absl::StatusOr<Row> DecodeRow(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kRowFormat) {
    return PosixError(EIO, "a row of the index is damaged or of a newer format");
  }
  Reader in(bytes.substr(1));
  const uint32_t versions = in.Varint32(1 + kMaxPreviousVersions);
  Row row;
  row.current = GetVersion(&in);
  for (uint32_t i = 1; i < versions && in.ok(); ++i) row.previous.push_back(GetVersion(&in));
  if (versions == 0 || !in.ok() || !in.at_end()) {
    return PosixError(EIO, "a row of the index is damaged");
  }
  return row;
}

std::string KeyOf(ChunkId chunk) {
  std::string key(1, kChunkPrefix);
  PutBigEndian<uint64_t>(&key, chunk.content.value());
  PutBigEndian<uint32_t>(&key, chunk.number);
  return key;
}

absl::StatusOr<ChunkId> ChunkOfKey(std::string_view key) {
  if (key.size() != kKeyBytes || key.front() != kChunkPrefix) {
    return PosixError(EIO, "a key of the index is damaged");
  }
  return ChunkId{ContentId(GetBigEndian<uint64_t>(key.substr(1))),
                 GetBigEndian<uint32_t>(key.substr(1 + 8))};
}

std::string NameOf(ChunkId chunk) {
  return "content " + std::to_string(chunk.content.value()) + " chunk " +
         std::to_string(chunk.number);
}

}  // namespace weft::storage
