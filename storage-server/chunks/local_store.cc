#include "storage-server/chunks/local_store.h"

#include <spdlog/spdlog.h>

#include <cassert>
#include <cerrno>

#include "common/limits.h"
#include "common/status.h"

namespace weft::storage {
namespace {

constexpr size_t kChunksPerPage = 256;  // listed at a time before they are changed

std::string DurabilityId(const StoreParts& parts, uint64_t losses) {
  return parts.target_uuid + "/" + parts.boot_id + "/" + std::to_string(losses);
}

// The end of the keys of a content's chunks.
std::string EndKeyOf(ContentId content) {
  return KeyOf({content, UINT32_MAX}) + '\0';  // after the last one
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalChunkStore>> LocalChunkStore::Open(StoreParts parts) {
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<Segments> segments,
                        Segments::Open(parts.disk, parts.segment_bytes, parts.capacity_bytes));
  auto space = std::make_shared<BlockSpace>(std::move(segments), parts.clock);
  WEFT_ASSIGN_OR_RETURN(const Recovered recovered, Recover(parts.index.get(), space.get()));
  return std::unique_ptr<LocalChunkStore>(
      new LocalChunkStore(std::move(parts), std::move(space), recovered));
}

LocalChunkStore::LocalChunkStore(StoreParts parts, std::shared_ptr<BlockSpace> space,
                                 const Recovered& recovered)
    : parts_(std::move(parts)),
      space_(std::move(space)),
      durability_id_(DurabilityId(parts_, recovered.losses)),
      gate_(recovered.completed_epoch + 1),
      superseded_(recovered.completed_epoch),
      completed_epoch_(recovered.completed_epoch) {}

LocalChunkStore::~LocalChunkStore() {
  if (has_fault_) return;
  const absl::Status status = Sync();
  if (!status.ok()) spdlog::error("closing a chunk store: {}", MessageOf(status));
}

absl::Status LocalChunkStore::Sync() {
  SweepMarks();
  const uint64_t wanted = gate_.current();
  const MutexLock lock(&sync_mutex_);
  if (completed_epoch_ >= wanted) return absl::OkStatus();  // another thread's Sync covered it
  WEFT_RETURN_IF_ERROR(CheckWritable());
  if (gate_.is_unused()) return absl::OkStatus();
  unsynced_bytes_ = 0;
  const uint64_t ended = gate_.Advance();
  if (const absl::Status status = space_->segments().SyncWritten(); !status.ok()) {
    SetFault("syncing the segments", status);
    return status;
  }
  const ChunkIndex::Change change = CompletedEpochChange(ended);
  absl::Status status = parts_.index->Apply({&change, 1});
  if (status.ok()) status = parts_.index->Sync();
  if (!status.ok()) {
    SetFault("syncing the index", status);
    return status;
  }
  completed_epoch_ = ended;
  space_->Free(superseded_.Complete(ended));
  return absl::OkStatus();
}

std::string LocalChunkStore::fault() const {
  const MutexLock lock(&fault_mutex_);
  return fault_;
}

std::string LocalChunkStore::durability_id() const {
  return has_fault_ ? durability_id_ + "/failed" : durability_id_;
}

absl::StatusOr<std::optional<Row>> LocalChunkStore::GetRow(ChunkId chunk) const {
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> value, parts_.index->Get(KeyOf(chunk)));
  if (!value) return std::optional<Row>();
  absl::StatusOr<Row> row = DecodeRow(*value);
  if (!row.ok()) return Annotate(row.status(), NameOf(chunk));
  return std::optional<Row>(*std::move(row));
}

absl::Status LocalChunkStore::ScanContent(
    ContentId content, uint32_t first_chunk,
    const std::function<bool(ChunkId, std::string_view)>& visit) const {
  absl::Status damage;
  WEFT_RETURN_IF_ERROR(parts_.index->Scan(KeyOf({content, first_chunk}), EndKeyOf(content),
                                          [&](std::string_view key, std::string_view value) {
                                            const absl::StatusOr<ChunkId> chunk = ChunkOfKey(key);
                                            damage = chunk.status();
                                            return chunk.ok() && visit(*chunk, value);
                                          }));
  return damage;
}

absl::Status LocalChunkStore::ForEachPage(
    ContentId content, uint32_t first_chunk,
    const std::function<absl::Status(std::span<const ChunkId>)>& change) const {
  std::vector<ChunkId> page;
  do {  // each page begins after the last one
    page.clear();
    WEFT_RETURN_IF_ERROR(
        ScanContent(content, first_chunk, [&page](ChunkId chunk, std::string_view) {
          page.push_back(chunk);
          return page.size() < kChunksPerPage;
        }));
    if (page.empty()) break;
    WEFT_RETURN_IF_ERROR(change(page));
    if (page.back().number == UINT32_MAX) break;
    first_chunk = page.back().number + 1;
  } while (page.size() == kChunksPerPage);
  return absl::OkStatus();
}

absl::Status LocalChunkStore::CheckWritable() const {
  if (!has_fault_) return absl::OkStatus();
  return PosixError(EROFS,
                    "the target takes no writes until weft-storage is restarted: " + fault());
}

void LocalChunkStore::SetFault(std::string_view what, const absl::Status& status) {
  const MutexLock lock(&fault_mutex_);
  if (!fault_.empty()) return;
  fault_ = std::string(what) + " failed: " + MessageOf(status);
  has_fault_ = true;
  spdlog::error("target {}: {}; no more writes are taken", parts_.target_uuid, fault_);
}

absl::Status LocalChunkStore::BoundUnsynced() {
  if (unsynced_bytes_ < kMaxUnsyncedBytes && superseded_.size() < kMaxHeldVersions) {
    return absl::OkStatus();
  }
  return Sync();
}

absl::StatusOr<std::vector<BlockRun>> LocalChunkStore::WriteFresh(
    std::vector<std::span<const std::byte>> parts, uint32_t blocks, Claim claim,
    FreshBlocks* fresh) {
  absl::StatusOr<std::vector<BlockRun>> runs = space_->Allocate(blocks, claim);
  if (!runs.ok() && ErrnoOf(runs.status()) == ENOSPC && superseded_.size() > 0) {
    WEFT_RETURN_IF_ERROR(Sync());
    runs = space_->Allocate(blocks, claim);
  }
  if (!runs.ok()) return runs.status();
  fresh->Add(*runs);
  WEFT_RETURN_IF_ERROR(WriteBlocks(&space_->segments(), *runs, std::move(parts)));
  unsynced_bytes_ += uint64_t{blocks} * kBlockBytes;
  return runs;
}

absl::StatusOr<ChunkInfo> LocalChunkStore::SwitchRow(ChunkId chunk, std::optional<Row> old,
                                                     RowVersion next, FreshBlocks* fresh) {
  ChunkInfo info = InfoOf(next);
  if (old) info.used_bytes_before = InfoOf(old->current).used_bytes;
  HeldVersion old_blocks;
  if (old) old_blocks = {old->current.epoch, RunsOf(old->current.extents)};
  std::vector<RowVersion> replaced;
  if (old) {
    replaced = std::move(old->previous);
    replaced.insert(replaced.begin(), std::move(old->current));
  }
  const uint64_t epoch = gate_.Enter();
  next.epoch = epoch;
  Row row{.current = std::move(next),
          .previous = NeededAfter(std::move(replaced), epoch, completed_epoch_)};
  assert(row.previous.size() <= kMaxPreviousVersions);
  const ChunkIndex::Change change{KeyOf(chunk), EncodeRow(row)};
  const absl::Status status = parts_.index->Apply({&change, 1});
  fresh->Keep();  // after a failure too: whether the row is there is not known
  if (!status.ok()) {
    SetFault("writing the index", status);
  } else if (old) {
    space_->Free(
        superseded_.Replace(chunk, std::move(old_blocks), {epoch, RunsOf(row.current.extents)}));
  }
  gate_.Leave(epoch);
  if (!status.ok()) return status;
  return info;
}

}  // namespace weft::storage
