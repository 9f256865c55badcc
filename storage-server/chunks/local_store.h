// The ChunkStore over a Disk and a ChunkIndex. See chunk_store.h for what it promises.
//
// How it keeps the promise on power loss. Data is not synced before a row switches to it. Every row
// carries the epoch it was written in; Sync ends the epoch, syncs the segments, and then writes and
// syncs the completed epoch in the index. A row that replaces one of an earlier epoch carries that
// one along (`previous`), and its blocks stay taken, until its own epoch completes. At open, rows
// of epochs that did not complete are compared with their checksums and give way to what they
// carry, or vanish, where the disk has not kept them whole. Since the index loses only its last
// batches, a block that is used again cannot be claimed by an older row that is trusted.
//
// durability_id is made of the target, the machine's boot, and how often an open found unsynced
// writes lost; a failed store adds that it has failed. Versions of a chunk that gave way may be
// used again.
//
// That a content was cut or removed is marked before its rows are looked for, and then everybody is
// awaited who holds a chunk of it: who takes one later sees the mark where there is no row, so no
// row comes up behind the one who looks for them.
//
// Lock order: chunk, then marks or sync, then whatever the parts lock inside; none of these is held
// by callers of the parts. Reads take no lock: they pin blocks before they look them up.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "common/unique_fd.h"
#include "storage-server/chunks/block_io.h"
#include "storage-server/chunks/block_space.h"
#include "storage-server/chunks/chunk_index.h"
#include "storage-server/chunks/chunk_locks.h"
#include "storage-server/chunks/chunk_store.h"
#include "storage-server/chunks/content_mark.h"
#include "storage-server/chunks/disk.h"
#include "storage-server/chunks/epoch_gate.h"
#include "storage-server/chunks/recovery.h"
#include "storage-server/chunks/row.h"
#include "storage-server/chunks/superseded.h"

namespace weft::storage {

struct StoreParts {
  UniqueFd lock;               // of the target's directory, if it has one: released last
  std::shared_ptr<Disk> disk;  // holds the segments and nothing else
  std::shared_ptr<ChunkIndex> index;
  Clock* clock = nullptr;
  std::string target_uuid;
  std::string boot_id;  // of the machine: changes when it restarts
  uint32_t segment_bytes = 1u << 30;
  uint64_t capacity_bytes = 0;
};

class LocalChunkStore final : public ChunkStore {
 public:
  // What a power loss may cost to check at open, and what it may hold back in space: who writes
  // more than this without a Sync, syncs.
  static constexpr uint64_t kMaxUnsyncedBytes = uint64_t{2} << 30;
  static constexpr size_t kMaxHeldVersions = 64 * 1024;
  // A chunk in more pieces than this is written anew in one, where that brings them down.
  static constexpr size_t kMaxExtents = 128;

  // Checks and repairs what the last one left behind. EIO: index or segments are damaged.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<LocalChunkStore>> Open(StoreParts parts);
  // Syncs, if it can.
  ~LocalChunkStore() override;

  absl::StatusOr<ChunkInfo> Write(const ChunkWrite& write) override;
  absl::StatusOr<ChunkRead> Read(ChunkId chunk, uint32_t offset_bytes,
                                 uint32_t length_bytes) override;
  absl::Status Copy(const ChunkRead& read, std::span<std::byte> out) override;
  absl::Status Sync() override;
  absl::StatusOr<uint32_t> TruncateContent(ContentId content, uint64_t size_bytes,
                                           uint32_t chunk_bytes_log2, uint32_t cut) override;
  absl::StatusOr<uint64_t> RemoveContent(ContentId content) override;
  absl::StatusOr<ChunkInfo> Punch(const ChunkPunch& punch) override;
  absl::StatusOr<ChunkInfo> Stat(ChunkId chunk) const override;
  absl::StatusOr<ContentEnd> End(ContentId content) const override;
  absl::StatusOr<ContentPage> List(ContentId content, uint32_t first_chunk,
                                   uint32_t max_chunks) const override;
  Space space() const override { return space_->space(); }
  std::string fault() const override;
  std::string durability_id() const override;

 private:
  LocalChunkStore(StoreParts parts, std::shared_ptr<BlockSpace> space, const Recovered& recovered);

  [[nodiscard]] absl::StatusOr<std::optional<Row>> GetRow(ChunkId chunk) const;
  // Calls `visit` for the content's chunks from `first_chunk` on, until it returns false.
  [[nodiscard]] absl::Status ScanContent(
      ContentId content, uint32_t first_chunk,
      const std::function<bool(ChunkId chunk, std::string_view value)>& visit) const;
  // Calls `change` for some of them at a time, in their order, outside of the scan, until it fails.
  [[nodiscard]] absl::Status ForEachPage(
      ContentId content, uint32_t first_chunk,
      const std::function<absl::Status(std::span<const ChunkId> chunks)>& change) const;

  // EROFS and why, where the store takes no writes.
  [[nodiscard]] absl::Status CheckWritable() const;
  void SetFault(std::string_view what, const absl::Status& status);
  // Syncs where much has been written since the last time. The caller holds no chunk.
  [[nodiscard]] absl::Status BoundUnsynced();

  // The blocks for a change, written with `parts`. ENOSPC: after superseded blocks were freed too.
  [[nodiscard]] absl::StatusOr<std::vector<BlockRun>> WriteFresh(
      std::vector<std::span<const std::byte>> parts, uint32_t blocks, Claim claim,
      FreshBlocks* fresh);
  // Replaces the row of a chunk that the caller holds. `next` is complete but for its epoch.
  [[nodiscard]] absl::StatusOr<ChunkInfo> SwitchRow(ChunkId chunk, std::optional<Row> old,
                                                    RowVersion next, FreshBlocks* fresh);
  // Writes a chunk anew where it lies in too many pieces. Leaves `next` as it is where that fails.
  void Defragment(ChunkId chunk, RowVersion* next, FreshBlocks* fresh);
  // Makes [from, to) of block `block` zeros in `next`.
  [[nodiscard]] absl::Status ZeroInBlock(ChunkId chunk, const RowVersion& old, uint32_t block,
                                         uint32_t from, uint32_t to, RowVersion* next,
                                         FreshBlocks* fresh);

  // False where the chunk need not be cut. `keep_bytes` stay.
  [[nodiscard]] absl::StatusOr<bool> CutChunk(ChunkId chunk, uint32_t keep_bytes, uint32_t cut);
  // Removes those that are there, in one change of the index; how many.
  [[nodiscard]] absl::StatusOr<uint64_t> RemoveChunks(std::span<const ChunkId> chunks);

  // -- store_marks.cc
  // Empty where the content has none.
  [[nodiscard]] absl::StatusOr<ContentMark> GetMark(ContentId content) const;
  // ESTALE where a change of a chunk that the caller holds, whose row is `row`, comes too late.
  [[nodiscard]] absl::Status CheckCut(ChunkId chunk, const std::optional<Row>& row,
                                      uint32_t cut) const;
  // When they return, no change that the mark refuses is under way. Not durable yet.
  [[nodiscard]] absl::Status MarkCut(ContentId content, uint32_t cut) WEFT_EXCLUDES(marks_mutex_);
  [[nodiscard]] absl::Status MarkRemoved(ContentId content) WEFT_EXCLUDES(marks_mutex_);
  // Takes marks of removed contents away that have grown old: a bounded number, now and then.
  void SweepMarks() WEFT_EXCLUDES(marks_mutex_);
  [[nodiscard]] absl::Status ApplyMarks(std::span<const ChunkIndex::Change> changes)
      WEFT_REQUIRES(marks_mutex_);

  const StoreParts parts_;
  const std::shared_ptr<BlockSpace> space_;  // shared with the pins of reads
  const std::string durability_id_;

  ChunkLocks locks_;
  EpochGate gate_;
  SupersededBlocks superseded_;
  std::atomic<uint64_t> completed_epoch_;
  std::atomic<uint64_t> unsynced_bytes_{0};
  Mutex sync_mutex_;   // one Sync at a time
  Mutex marks_mutex_;  // one change of marks at a time
  Clock::TimePoint next_sweep_ WEFT_GUARDED_BY(marks_mutex_);

  std::atomic<bool> has_fault_{false};
  mutable Mutex fault_mutex_;
  std::string fault_ WEFT_GUARDED_BY(fault_mutex_);
};

}  // namespace weft::storage
