#include <cerrno>
#include <string>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "storage-server/chunks/local_store.h"

namespace weft::storage {
namespace {

absl::Status CheckBounds(const ChunkWrite& write) {
  if (write.chunk_bytes_log2 < kMinChunkBytesLog2 || write.chunk_bytes_log2 > kMaxChunkBytesLog2) {
    return PosixError(EINVAL,
                      "no chunk size has the logarithm " + std::to_string(write.chunk_bytes_log2));
  }
  const uint64_t end = uint64_t{write.offset_bytes} + write.data.size();
  if (write.data.empty() || end > uint64_t{1} << write.chunk_bytes_log2) {
    return PosixError(EINVAL, "a write of " + std::to_string(write.data.size()) + " bytes at " +
                                  std::to_string(write.offset_bytes) +
                                  " is empty or beyond the chunk's end");
  }
  const uint32_t pieces = BlocksOf(static_cast<uint32_t>(end)) - write.offset_bytes / kBlockBytes;
  if (write.piece_crc32c.size() != pieces) {
    return PosixError(EINVAL, std::to_string(write.piece_crc32c.size()) + " checksums for " +
                                  std::to_string(pieces) + " pieces");
  }
  return absl::OkStatus();
}

absl::Status CheckPieces(const ChunkWrite& write) {
  std::span<const std::byte> rest = write.data;
  size_t to_boundary = kBlockBytes - write.offset_bytes % kBlockBytes;
  for (const uint32_t crc : write.piece_crc32c) {
    const std::span<const std::byte> piece = rest.first(std::min(to_boundary, rest.size()));
    if (Crc32c(piece) != crc) {
      return PosixError(EBADMSG,
                        NameOf(write.chunk) + ": the data at " +
                            std::to_string(write.offset_bytes + write.data.size() - rest.size()) +
                            " does not match its checksum");
    }
    rest = rest.subspan(piece.size());
    to_boundary = kBlockBytes;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ChunkInfo> LocalChunkStore::Write(const ChunkWrite& write) {
  WEFT_RETURN_IF_ERROR(CheckBounds(write));
  WEFT_RETURN_IF_ERROR(CheckPieces(write));
  WEFT_RETURN_IF_ERROR(CheckWritable());
  WEFT_RETURN_IF_ERROR(BoundUnsynced());
  FreshBlocks fresh(space_.get());
  const ChunkLocks::Hold hold(&locks_, write.chunk);
  WEFT_ASSIGN_OR_RETURN(std::optional<Row> old, GetRow(write.chunk));
  WEFT_RETURN_IF_ERROR(CheckCut(write.chunk, old, write.cut));
  if (write.may_change) WEFT_RETURN_IF_ERROR(write.may_change());
  const RowVersion base = old ? old->current : RowVersion();
  RowVersion next = base;
  ++next.version;
  next.cut = write.cut;
  const auto end = static_cast<uint32_t>(write.offset_bytes + write.data.size());
  Resize(&next, std::max(base.length_bytes, end));

  WEFT_ASSIGN_OR_RETURN(BlockImage image,
                        AssembleBlocks(space_->segments(), write, base, next.length_bytes));
  WEFT_ASSIGN_OR_RETURN(const std::vector<BlockRun> runs,
                        WriteFresh(image.parts, image.blocks(), Claim::kOrdinary, &fresh));
  next.extents = Replaced(next.extents, ExtentsAt(image.first_block, runs));
  std::copy(image.block_crc32c.begin(), image.block_crc32c.end(),
            next.block_crc32c.begin() + image.first_block);
  Defragment(write.chunk, &next, &fresh);
  return SwitchRow(write.chunk, std::move(old), std::move(next), &fresh);
}

void LocalChunkStore::Defragment(ChunkId chunk, RowVersion* next, FreshBlocks* fresh) {
  const uint32_t ranges = RangesWithoutHole(next->extents);
  if (next->extents.size() <= kMaxExtents || next->extents.size() < 2 * ranges) return;
  const uint32_t blocks = StoredBlocks(next->extents);
  const absl::StatusOr<std::vector<BlockRun>> runs = space_->Allocate(blocks, Claim::kOrdinary);
  if (!runs.ok()) return;
  fresh->Add(*runs);

  RowVersion moved = *next;
  moved.extents.clear();
  size_t run = 0;
  uint32_t used = 0;  // of runs[run]
  for (const Extent& extent : next->extents) {
    for (uint32_t block = extent.chunk_block; block < extent.end(); ++block) {
      moved.extents.push_back({block, {(*runs)[run].segment, (*runs)[run].block + used, 1}});
      if (++used == (*runs)[run].count) {
        ++run;
        used = 0;
      }
    }
  }
  moved.extents = Replaced({}, moved.extents);
  bool better = moved.extents.size() * 2 <= next->extents.size();
  for (size_t i = 0; better && i < moved.extents.size(); ++i) {
    const Extent& extent = moved.extents[i];
    const AlignedBuffer copy(size_t{extent.run.count} * kBlockBytes);
    better =
        ReadBlocks(space_->segments(), chunk, *next, extent.chunk_block, extent.end(), copy.bytes())
            .ok() &&
        space_->segments().Write(extent.run, copy.bytes()).ok();
  }
  if (better) *next = std::move(moved);
  fresh->Trim(RunsOf(next->extents));
}

}  // namespace weft::storage
