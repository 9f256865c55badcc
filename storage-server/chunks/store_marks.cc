// Marks of contents that were cut or removed: see content_mark.h.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

#include "common/status.h"
#include "storage-server/chunks/content_mark.h"
#include "storage-server/chunks/local_store.h"

namespace weft::storage {
namespace {

constexpr size_t kSweptAtOnce = 256;
// Marks that have grown old are looked for so often.
constexpr std::chrono::seconds kSweepEvery{60};
constexpr uint64_t kMarkStaysSeconds = std::chrono::seconds(kRemovedMarkStays).count();
constexpr int64_t kNsPerSecond = 1'000'000'000;

uint64_t WallSeconds(const Clock& clock) {
  return static_cast<uint64_t>(clock.WallNs() / kNsPerSecond);
}

}  // namespace

absl::StatusOr<ContentMark> LocalChunkStore::GetMark(ContentId content) const {
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                        parts_.index->Get(KeyOfMark(content)));
  if (!value) return ContentMark();
  return DecodeMark(*value);
}

absl::Status LocalChunkStore::CheckCut(ChunkId chunk, const std::optional<Row>& row,
                                       uint32_t cut) const {
  ContentMark mark;
  if (row) {
    mark.cut = row->current.cut;
  } else {
    WEFT_ASSIGN_OR_RETURN(mark, GetMark(chunk.content));
  }
  if (mark.removed) return PosixError(ESTALE, NameOf(chunk) + ": the content has been removed");
  if (cut >= mark.cut) return absl::OkStatus();
  return PosixError(ESTALE,
                    NameOf(chunk) + " has been cut since (" + std::to_string(mark.cut) + ")");
}

absl::Status LocalChunkStore::MarkCut(ContentId content, uint32_t cut) {
  {
    const MutexLock lock(&marks_mutex_);
    WEFT_ASSIGN_OR_RETURN(const ContentMark mark, GetMark(content));
    if (!mark.removed && mark.cut < cut) {
      const ChunkIndex::Change change{KeyOfMark(content), EncodeMark({.cut = cut})};
      WEFT_RETURN_IF_ERROR(ApplyMarks({&change, 1}));
    }
  }
  locks_.AwaitHolders(content);
  return absl::OkStatus();
}

absl::Status LocalChunkStore::MarkRemoved(ContentId content) {
  SweepMarks();
  {
    const MutexLock lock(&marks_mutex_);
    WEFT_ASSIGN_OR_RETURN(const ContentMark mark, GetMark(content));
    if (!mark.removed) {
      const uint64_t now_s = WallSeconds(*parts_.clock);
      const ChunkIndex::Change changes[] = {
          {KeyOfMark(content), EncodeMark({.removed = true, .removed_at_s = now_s})},
          {KeyOfRemoval({now_s, content}), std::string()}};
      WEFT_RETURN_IF_ERROR(ApplyMarks(changes));
    }
  }
  locks_.AwaitHolders(content);
  return absl::OkStatus();
}

void LocalChunkStore::SweepMarks() {
  const MutexLock lock(&marks_mutex_);
  const Clock::TimePoint now = parts_.clock->Now();
  if (now < next_sweep_ || has_fault_) return;
  const uint64_t now_s = WallSeconds(*parts_.clock);
  const uint64_t end_s = now_s - std::min(now_s, kMarkStaysSeconds);
  std::vector<ChunkIndex::Change> changes;
  absl::Status damage;
  size_t found = 0;
  const absl::Status scanned =
      parts_.index->Scan(KeyOfRemoval({0, ContentId()}), KeyOfRemoval({end_s, ContentId()}),
                         [&](std::string_view key, std::string_view) {
                           const absl::StatusOr<Removal> removal = RemovalOfKey(key);
                           damage = removal.status();
                           if (!removal.ok()) return false;
                           changes.push_back({KeyOfMark(removal->content), std::nullopt});
                           changes.push_back({std::string(key), std::nullopt});
                           return ++found < kSweptAtOnce;
                         });
  if (found < kSweptAtOnce) next_sweep_ = now + kSweepEvery;  // else there is more to do
  if (!scanned.ok() || !damage.ok()) {
    spdlog::warn("target {}: old marks of contents stay: {}", parts_.target_uuid,
                 MessageOf(scanned.ok() ? damage : scanned));
    return;
  }
  // A failure is a fault of the store, which whoever called finds next.
  if (!changes.empty()) static_cast<void>(ApplyMarks(changes));
}

absl::Status LocalChunkStore::ApplyMarks(std::span<const ChunkIndex::Change> changes) {
  const uint64_t epoch = gate_.Enter();  // so that the next Sync is not left out
  const absl::Status status = parts_.index->Apply(changes);
  if (!status.ok()) SetFault("writing the index", status);
  gate_.Leave(epoch);
  return status;
}

}  // namespace weft::storage
