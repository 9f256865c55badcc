// What the index keeps of one chunk, and how it lies on disk.
//
// Value of a chunk's key (docs/formats.md), integers as LEB128 varints unless said otherwise:
//   byte     format, 1
//   versions, the current one first, then those it may have to give way to after a power loss:
//     varint  number of versions
//     each:   varint version, length_bytes, cut, epoch
//             varint number of extents
//             each: varint holes (blocks since the end of the extent before), count, segment, block
//             fixed32 little-endian CRC32C for each stored block, in order of the chunk
// A block's CRC32C covers min(4096, length - start of the block) bytes; what lies on disk after
// them in that block is zeros. A block in no extent is a hole: zeros.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/limits.h"
#include "storage-server/chunks/chunk_store.h"
#include "storage-server/chunks/extents.h"

namespace weft::storage {

// One state of a chunk.
struct RowVersion {
  uint64_t version = 0;
  uint32_t length_bytes = 0;
  uint32_t cut = 0;
  uint64_t epoch = 0;  // of the sync that makes it durable
  ExtentList extents;
  std::vector<uint32_t> block_crc32c;  // of every block of the length, holes too
};

// A version may be durable, may become so by the sync that runs, or waits for the next one. Of each
// kind one is kept, so the current version has at most two behind it.
inline constexpr size_t kMaxPreviousVersions = 2;

struct Row {
  RowVersion current;
  std::vector<RowVersion> previous;  // newest first
};

[[nodiscard]] inline uint32_t BlocksOf(uint32_t length_bytes) {
  return (length_bytes + kBlockBytes - 1) / kBlockBytes;
}
// Bytes of block `block` of a chunk of that length: what its CRC covers.
[[nodiscard]] uint32_t BytesInBlock(uint32_t length_bytes, uint32_t block);
// CRC32C of `bytes` zeros, up to a block.
[[nodiscard]] uint32_t Crc32cOfZeros(uint32_t bytes);

[[nodiscard]] ChunkInfo InfoOf(const RowVersion& version);

// Gives `row` another length: CRCs of blocks that the change adds to or takes from are those of
// zeros, but that of a last block which only grows by zeros, which is extended. Cutting into a
// stored block leaves that block's CRC for the caller to set. Extents past the end go.
void Resize(RowVersion* row, uint32_t length_bytes);

[[nodiscard]] std::string EncodeRow(const Row& row);
// EIO where the bytes are not a row: lengths, order of extents and every bound are checked.
[[nodiscard]] absl::StatusOr<Row> DecodeRow(std::string_view bytes);

// Index keys: 'c', content id (8 bytes big-endian), chunk number (4 bytes big-endian).
[[nodiscard]] std::string KeyOf(ChunkId chunk);
[[nodiscard]] absl::StatusOr<ChunkId> ChunkOfKey(std::string_view key);
[[nodiscard]] std::string NameOf(ChunkId chunk);  // "content 17 chunk 3", for messages

}  // namespace weft::storage
