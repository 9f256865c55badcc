#include "storage-server/chunks/block_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::storage {
namespace {

constexpr uint32_t kVerifyBlocks = (1u << 20) / kBlockBytes;  // read at a time

std::span<std::byte> BlockAt(std::span<std::byte> bytes, uint32_t block) {
  return bytes.subspan(size_t{block} * kBlockBytes, kBlockBytes);
}

bool AllZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Whether the stored blocks of `extent` are as they were written.
bool IsExtentIntact(const Segments& segments, const RowVersion& version, const Extent& extent,
                    std::span<std::byte> scratch) {
  for (uint32_t done = 0; done < extent.run.count;) {
    const uint32_t count = std::min(kVerifyBlocks, extent.run.count - done);
    const BlockRun run{extent.run.segment, extent.run.block + done, count};
    if (!segments.Read(run, scratch.first(size_t{count} * kBlockBytes)).ok()) return false;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t block = extent.chunk_block + done + i;
      const std::span<const std::byte> bytes = BlockAt(scratch, i);
      const uint32_t covered = BytesInBlock(version.length_bytes, block);
      if (Crc32c(bytes.first(covered)) != version.block_crc32c[block]) return false;
      if (!AllZero(bytes.subspan(covered))) return false;
    }
    done += count;
  }
  return true;
}

// What of the write falls into block `block`: offset in the block, and the bytes.
struct Piece {
  uint32_t offset_bytes;
  std::span<const std::byte> bytes;
};
Piece PieceOf(const ChunkWrite& write, uint32_t block) {
  const uint64_t block_start = uint64_t{block} * kBlockBytes;
  const uint64_t write_end = uint64_t{write.offset_bytes} + write.data.size();
  const uint64_t from = std::max<uint64_t>(write.offset_bytes, block_start);
  const uint64_t to = std::min(write_end, block_start + kBlockBytes);
  return {static_cast<uint32_t>(from - block_start),
          write.data.subspan(from - write.offset_bytes, to - from)};
}

// Makes block `block` in `out` from the old bytes and the write's piece, and returns its CRC.
absl::StatusOr<uint32_t> MergeBlock(const Segments& segments, const ChunkWrite& write,
                                    const RowVersion& old, uint32_t length_bytes, uint32_t block,
                                    uint32_t piece_crc32c, std::span<std::byte> out) {
  const Piece piece = PieceOf(write, block);
  const uint32_t covered = BytesInBlock(length_bytes, block);
  const bool covers_all = piece.offset_bytes == 0 && piece.bytes.size() == covered;
  if (covers_all) {
    std::memset(out.data() + covered, 0, kBlockBytes - covered);
  } else {
    WEFT_RETURN_IF_ERROR(ReadBlocks(segments, write.chunk, old, block, block + 1, out));
  }
  std::memcpy(out.data() + piece.offset_bytes, piece.bytes.data(), piece.bytes.size());
  return covers_all ? piece_crc32c : Crc32c(out.first(covered));
}

}  // namespace

absl::Status ReadBlocks(const Segments& segments, ChunkId chunk, const RowVersion& version,
                        uint32_t first, uint32_t end, std::span<std::byte> out) {
  uint32_t at = first;
  const auto zero_until = [&](uint32_t until) {
    std::memset(out.data() + size_t{at - first} * kBlockBytes, 0, size_t{until - at} * kBlockBytes);
  };
  for (const Extent& extent : Slice(version.extents, first, end)) {
    zero_until(extent.chunk_block);
    const std::span<std::byte> target = out.subspan(
        size_t{extent.chunk_block - first} * kBlockBytes, size_t{extent.run.count} * kBlockBytes);
    const absl::Status status = segments.Read(extent.run, target);
    if (!status.ok()) return Annotate(status, NameOf(chunk));
    for (uint32_t i = 0; i < extent.run.count; ++i) {
      const uint32_t block = extent.chunk_block + i;
      const uint32_t covered = BytesInBlock(version.length_bytes, block);
      const std::span<std::byte> bytes = BlockAt(target, i);
      if (Crc32c(bytes.first(covered)) != version.block_crc32c[block]) {
        return PosixError(EIO,
                          NameOf(chunk) + " block " + std::to_string(block) +
                              " is damaged: the disk gave bytes that do not match its checksum");
      }
      std::memset(bytes.data() + covered, 0, kBlockBytes - covered);
    }
    at = extent.end();
  }
  zero_until(end);
  return absl::OkStatus();
}

bool IsIntact(const Segments& segments, const RowVersion& version) {
  const AlignedBuffer scratch(size_t{kVerifyBlocks} * kBlockBytes);
  return std::all_of(version.extents.begin(), version.extents.end(), [&](const Extent& extent) {
    return IsExtentIntact(segments, version, extent, scratch.bytes());
  });
}

absl::Status WriteBlocks(Segments* segments, const std::vector<BlockRun>& runs,
                         std::vector<std::span<const std::byte>> parts) {
  size_t next = 0;  // in parts
  for (BlockRun run : runs) {
    while (run.count > 0) {
      std::span<const std::byte>& part = parts[next];
      const uint32_t blocks = std::min(run.count, static_cast<uint32_t>(part.size() / kBlockBytes));
      const size_t bytes = size_t{blocks} * kBlockBytes;
      WEFT_RETURN_IF_ERROR(segments->Write({run.segment, run.block, blocks}, part.first(bytes)));
      part = part.subspan(bytes);
      if (part.empty()) ++next;
      run.block += blocks;
      run.count -= blocks;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<BlockImage> AssembleBlocks(const Segments& segments, const ChunkWrite& write,
                                          const RowVersion& old, uint32_t length_bytes) {
  const uint64_t write_end = uint64_t{write.offset_bytes} + write.data.size();
  const uint32_t first = write.offset_bytes / kBlockBytes;
  const uint32_t end = BlocksOf(static_cast<uint32_t>(write_end));
  BlockImage image{.first_block = first,
                   .block_crc32c = {write.piece_crc32c.begin(), write.piece_crc32c.end()}};
  // Whole blocks at the start go to the disk from where they are, if that is aligned memory.
  const bool in_place = write.offset_bytes % kBlockBytes == 0 && IsBlockAligned(write.data.data());
  const uint32_t direct = in_place ? static_cast<uint32_t>(write.data.size() / kBlockBytes) : 0;
  if (direct > 0) image.parts.push_back(write.data.first(size_t{direct} * kBlockBytes));
  const uint32_t copied = end - first - direct;
  if (copied == 0) return image;

  image.scratch = AlignedBuffer(size_t{copied} * kBlockBytes);
  for (uint32_t i = 0; i < copied; ++i) {
    uint32_t& crc = image.block_crc32c[direct + i];
    WEFT_ASSIGN_OR_RETURN(crc, MergeBlock(segments, write, old, length_bytes, first + direct + i,
                                          crc, BlockAt(image.scratch.bytes(), i)));
  }
  image.parts.push_back(image.scratch.bytes());
  return image;
}

}  // namespace weft::storage
