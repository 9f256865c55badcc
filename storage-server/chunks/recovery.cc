#include "storage-server/chunks/recovery.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "storage-server/chunks/block_io.h"
#include "storage-server/chunks/row.h"

namespace weft::storage {
namespace {

// Keys beside those of chunks ('c'...); values are decimal text.
constexpr char kCompletedKey[] = "m completed epoch";
constexpr char kLossesKey[] = "m losses";
constexpr char kFirstChunkKey[] = "c";
constexpr char kEndOfChunks[] = "d";

constexpr size_t kFixesPerBatch = 256;

// 0 where the key is missing.
absl::StatusOr<uint64_t> GetNumber(const ChunkIndex& index, const char* key) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> text, index.Get(key));
  if (!text) return uint64_t{0};
  uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || at != end) {
    return PosixError(EIO, std::string("the index is damaged: ") + key);
  }
  return number;
}

ChunkIndex::Change NumberChange(const char* key, uint64_t number) {
  return {key, std::to_string(number)};
}

class Recovery {
 public:
  Recovery(ChunkIndex* index, BlockSpace* space) : index_(index), space_(space) {}

  absl::StatusOr<Recovered> Run() {
    WEFT_ASSIGN_OR_RETURN(completed_, GetNumber(*index_, kCompletedKey));
    WEFT_ASSIGN_OR_RETURN(uint64_t losses, GetNumber(*index_, kLossesKey));
    last_ = completed_;
    WEFT_RETURN_IF_ERROR(ScanRows());
    for (const std::string& key : suspects_) WEFT_RETURN_IF_ERROR(Check(key));
    WEFT_RETURN_IF_ERROR(space_->segments().SyncAll());
    if (lost_ > 0) {
      ++losses;
      spdlog::warn(
          "{} chunks had unsynced writes that did not survive; they have their last "
          "whole state",
          lost_);
    }
    fixes_.push_back(NumberChange(kLossesKey, losses));
    fixes_.push_back(CompletedEpochChange(last_));  // last: only then may the others be trusted
    WEFT_RETURN_IF_ERROR(ApplyFixes());
    WEFT_RETURN_IF_ERROR(index_->Sync());
    return Recovered{.completed_epoch = last_, .losses = losses};
  }

 private:
  // Takes the blocks of the durable rows and remembers the other rows.
  absl::Status ScanRows() {
    absl::Status damage;
    const absl::Status scanned = index_->Scan(kFirstChunkKey, kEndOfChunks,
                                              [&](std::string_view key, std::string_view value) {
                                                const absl::StatusOr<Row> row = DecodeRow(value);
                                                if (!row.ok()) {
                                                  damage = row.status();
                                                  return false;
                                                }
                                                last_ = std::max(last_, row->current.epoch);
                                                if (row->current.epoch > completed_) {
                                                  suspects_.emplace_back(key);
                                                } else {
                                                  damage = Take(key, row->current);
                                                }
                                                return damage.ok();
                                              });
    WEFT_RETURN_IF_ERROR(scanned);
    return damage;
  }

  absl::Status Take(std::string_view key, const RowVersion& version) {
    WEFT_ASSIGN_OR_RETURN(const ChunkId chunk, ChunkOfKey(key));
    return Annotate(space_->TakeAtOpen(RunsOf(version.extents)), NameOf(chunk));
  }

  // Settles which version of the row counts.
  absl::Status Check(const std::string& key) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> value, index_->Get(key));
    if (!value) return PosixError(EIO, "the index is damaged: a row vanished");
    WEFT_ASSIGN_OR_RETURN(Row row, DecodeRow(*value));
    if (IsIntact(space_->segments(), row.current)) return Take(key, row.current);
    ++lost_;
    const auto whole =
        std::find_if(row.previous.begin(), row.previous.end(), [this](const RowVersion& previous) {
          return previous.epoch <= completed_ || IsIntact(space_->segments(), previous);
        });
    if (whole == row.previous.end()) {
      fixes_.push_back({key, std::nullopt});
      return absl::OkStatus();
    }
    fixes_.push_back({key, EncodeRow({.current = *whole})});
    return Take(key, *whole);
  }

  absl::Status ApplyFixes() {
    for (size_t done = 0; done < fixes_.size(); done += kFixesPerBatch) {
      const size_t count = std::min(kFixesPerBatch, fixes_.size() - done);
      WEFT_RETURN_IF_ERROR(index_->Apply(std::span(fixes_).subspan(done, count)));
    }
    return absl::OkStatus();
  }

  ChunkIndex* const index_;
  BlockSpace* const space_;
  uint64_t completed_ = 0;
  uint64_t last_ = 0;                  // epoch of any row
  std::vector<std::string> suspects_;  // bounded by what may be unsynced
  std::vector<ChunkIndex::Change> fixes_;
  uint64_t lost_ = 0;
};

}  // namespace

absl::StatusOr<Recovered> Recover(ChunkIndex* index, BlockSpace* space) {
  return Recovery(index, space).Run();
}

ChunkIndex::Change CompletedEpochChange(uint64_t epoch) {
  return NumberChange(kCompletedKey, epoch);
}

}  // namespace weft::storage
