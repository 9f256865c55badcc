// Changes that take bytes away: truncate, remove, punch.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "storage-server/chunks/local_store.h"

namespace weft::storage {

absl::StatusOr<uint32_t> LocalChunkStore::TruncateContent(ContentId content, uint64_t size_bytes,
                                                          uint32_t chunk_bytes_log2, uint32_t cut) {
  if (chunk_bytes_log2 < kMinChunkBytesLog2 || chunk_bytes_log2 > kMaxChunkBytesLog2) {
    return PosixError(EINVAL,
                      "no chunk size has the logarithm " + std::to_string(chunk_bytes_log2));
  }
  WEFT_RETURN_IF_ERROR(CheckWritable());
  WEFT_RETURN_IF_ERROR(MarkCut(content, cut));
  uint32_t changed = 0;
  const uint64_t boundary = size_bytes >> chunk_bytes_log2;
  if (boundary <= UINT32_MAX) {
    const auto first = static_cast<uint32_t>(boundary);
    const auto keep = static_cast<uint32_t>(size_bytes - (boundary << chunk_bytes_log2));
    const auto cut_page = [&](std::span<const ChunkId> page) -> absl::Status {
      for (const ChunkId chunk : page) {
        WEFT_RETURN_IF_ERROR(BoundUnsynced());
        WEFT_ASSIGN_OR_RETURN(const bool cut_it,
                              CutChunk(chunk, chunk.number == first ? keep : 0, cut));
        if (cut_it) ++changed;
      }
      return absl::OkStatus();
    };
    WEFT_RETURN_IF_ERROR(ForEachPage(content, first, cut_page));
  }
  WEFT_RETURN_IF_ERROR(Sync());
  return changed;
}

absl::StatusOr<bool> LocalChunkStore::CutChunk(ChunkId chunk, uint32_t keep_bytes, uint32_t cut) {
  FreshBlocks fresh(space_.get());
  const ChunkLocks::Hold hold(&locks_, chunk);
  WEFT_ASSIGN_OR_RETURN(std::optional<Row> old, GetRow(chunk));
  if (!old || old->current.cut >= cut) return false;
  RowVersion next = old->current;
  ++next.version;
  next.cut = cut;  // also where nothing is cut off: a write of before must not come after
  if (next.length_bytes > keep_bytes) {
    Resize(&next, keep_bytes);
    if (keep_bytes % kBlockBytes != 0) {  // what follows the length in its block is zeros
      WEFT_RETURN_IF_ERROR(ZeroInBlock(chunk, old->current, keep_bytes / kBlockBytes,
                                       keep_bytes % kBlockBytes, kBlockBytes, &next, &fresh));
    }
  }
  WEFT_RETURN_IF_ERROR(SwitchRow(chunk, std::move(old), std::move(next), &fresh).status());
  return true;
}

absl::StatusOr<uint64_t> LocalChunkStore::RemoveContent(ContentId content) {
  WEFT_RETURN_IF_ERROR(CheckWritable());
  WEFT_RETURN_IF_ERROR(MarkRemoved(content));
  uint64_t removed = 0;
  const auto remove_page = [&](std::span<const ChunkId> page) -> absl::Status {
    WEFT_RETURN_IF_ERROR(BoundUnsynced());
    WEFT_ASSIGN_OR_RETURN(const uint64_t were_there, RemoveChunks(page));
    removed += were_there;
    return absl::OkStatus();
  };
  WEFT_RETURN_IF_ERROR(ForEachPage(content, 0, remove_page));
  WEFT_RETURN_IF_ERROR(Sync());
  return removed;
}

absl::StatusOr<uint64_t> LocalChunkStore::RemoveChunks(std::span<const ChunkId> chunks) {
  std::deque<ChunkLocks::Hold> holds;
  std::vector<ChunkIndex::Change> changes;
  std::vector<std::pair<ChunkId, HeldVersion>> removed;
  for (const ChunkId chunk : chunks) {
    holds.emplace_back(&locks_, chunk);
    WEFT_ASSIGN_OR_RETURN(const std::optional<Row> old, GetRow(chunk));
    if (!old) continue;
    changes.push_back({KeyOf(chunk), std::nullopt});
    removed.push_back({chunk, {old->current.epoch, RunsOf(old->current.extents)}});
  }
  if (changes.empty()) return uint64_t{0};
  const uint64_t epoch = gate_.Enter();
  const absl::Status status = parts_.index->Apply(changes);
  if (status.ok()) {
    for (const auto& [chunk, version] : removed) superseded_.Remove(chunk, version, epoch);
  } else {
    SetFault("writing the index", status);
  }
  gate_.Leave(epoch);
  WEFT_RETURN_IF_ERROR(status);
  return uint64_t{removed.size()};
}

absl::StatusOr<ChunkInfo> LocalChunkStore::Punch(const ChunkPunch& punch) {
  const auto& [chunk, offset_bytes, length_bytes, cut, may_change] = punch;
  WEFT_RETURN_IF_ERROR(CheckWritable());
  WEFT_RETURN_IF_ERROR(BoundUnsynced());
  FreshBlocks fresh(space_.get());
  const ChunkLocks::Hold hold(&locks_, chunk);
  WEFT_ASSIGN_OR_RETURN(std::optional<Row> old, GetRow(chunk));
  WEFT_RETURN_IF_ERROR(CheckCut(chunk, old, cut));
  if (may_change) WEFT_RETURN_IF_ERROR(may_change());
  if (!old) return ChunkInfo();  // all zeros already
  const RowVersion& base = old->current;
  const auto end = static_cast<uint32_t>(
      std::min<uint64_t>(uint64_t{offset_bytes} + length_bytes, base.length_bytes));
  if (offset_bytes >= end) {
    ChunkInfo unchanged = InfoOf(base);
    unchanged.used_bytes_before = unchanged.used_bytes;
    return unchanged;
  }

  RowVersion next = base;
  ++next.version;
  next.cut = cut;
  const uint32_t first_whole = BlocksOf(offset_bytes);
  const bool to_length = end == base.length_bytes;  // then a short last block is whole, too
  const uint32_t end_whole = to_length ? BlocksOf(end) : end / kBlockBytes;
  if (first_whole < end_whole) {
    next.extents = WithHole(next.extents, first_whole, end_whole);
    for (uint32_t block = first_whole; block < end_whole; ++block) {
      next.block_crc32c[block] = Crc32cOfZeros(BytesInBlock(next.length_bytes, block));
    }
  }
  const uint32_t head = offset_bytes / kBlockBytes;
  const uint32_t tail = end / kBlockBytes;
  if (offset_bytes % kBlockBytes != 0) {
    const uint32_t to = tail > head ? kBlockBytes : end % kBlockBytes;
    WEFT_RETURN_IF_ERROR(
        ZeroInBlock(chunk, base, head, offset_bytes % kBlockBytes, to, &next, &fresh));
  }
  const bool tail_done = offset_bytes % kBlockBytes != 0 && tail == head;
  if (end % kBlockBytes != 0 && !to_length && !tail_done) {
    WEFT_RETURN_IF_ERROR(ZeroInBlock(chunk, base, tail, 0, end % kBlockBytes, &next, &fresh));
  }
  return SwitchRow(chunk, std::move(old), std::move(next), &fresh);
}

absl::Status LocalChunkStore::ZeroInBlock(ChunkId chunk, const RowVersion& old, uint32_t block,
                                          uint32_t from, uint32_t to, RowVersion* next,
                                          FreshBlocks* fresh) {
  if (!IsStored(old.extents, block)) return absl::OkStatus();
  const AlignedBuffer buffer(kBlockBytes);
  const std::span<std::byte> bytes = buffer.bytes();
  WEFT_RETURN_IF_ERROR(ReadBlocks(space_->segments(), chunk, old, block, block + 1, bytes));
  std::memset(bytes.data() + from, 0, to - from);
  WEFT_ASSIGN_OR_RETURN(const std::vector<BlockRun> runs,
                        WriteFresh({bytes}, 1, Claim::kReserve, fresh));
  next->extents = Replaced(next->extents, ExtentsAt(block, runs));
  next->block_crc32c[block] = Crc32c(bytes.first(BytesInBlock(next->length_bytes, block)));
  return absl::OkStatus();
}

}  // namespace weft::storage
