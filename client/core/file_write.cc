// File: writing, and the start of the move from inline to chunks.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/core/file.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::client {
namespace {

// Times that the inline content may be changed by others while it is fetched.
constexpr int kMaxFetches = 10;

}  // namespace

absl::Status File::Write(uint64_t offset, std::span<const std::byte> data, bool append) {
  if (data.empty()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(TakeQuota(offset, data.size(), append));
  bool alone = append;
  for (;;) {
    const Gate::Pass pass(&gate_, alone ? Gate::Mode::kAlone : Gate::Mode::kShared);
    if (append) {
      WEFT_ASSIGN_OR_RETURN(const std::optional<uint64_t> place, PlaceAppend(data));
      // The kernel has put the bytes where it thought that the end was.
      if (place != offset) mount_->invalidate(inode_);
      if (!place) return absl::OkStatus();
      offset = *place;
    }
    WEFT_ASSIGN_OR_RETURN(Way way, Prepare(offset, data));
    if (way == Way::kMustMove && alone) {
      WEFT_RETURN_IF_ERROR(StartMoving());
      WEFT_ASSIGN_OR_RETURN(way, Prepare(offset, data));
    }
    if (way == Way::kMustMove) {
      alone = true;
      continue;
    }
    if (way == Way::kChunks) {
      buffer_.Write(offset, data);
      read_ahead_.Drop(offset, offset + data.size());
      if (buffer_.WindowIsFull()) HurryMove();
    }
    Watch();
    return absl::OkStatus();
  }
}

absl::Status File::TakeQuota(uint64_t offset, uint64_t length, bool append) {
  if (!quota_.is_limited()) return absl::OkStatus();
  const proto::Attr known = server_attr();
  const bool is_full = known.used_bytes() >= known.size_bytes();  // no holes to be filled
  if (!append && is_full && offset + length <= known.size_bytes()) return absl::OkStatus();
  if (quota_.Take(length)) return absl::OkStatus();
  // What is written shall be known to the server, so that it can say what is left.
  WEFT_RETURN_IF_ERROR(Flush());
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->GetAttr(inode_));
  Adopt(reply.attr(), Origin::kServer);
  HearQuota(reply);
  if (quota_.TakeAfterCommit(length)) return absl::OkStatus();
  return PosixError(EDQUOT, "a quota above the file is used up");
}

absl::StatusOr<File::Way> File::Prepare(uint64_t offset, std::span<const std::byte> data) {
  MutexLock lock(&mutex_);
  if (lost_) return PosixError(EIO, "the file does not exist any more");
  const proto::Content& content = attr_.content();
  const uint64_t end = offset + data.size();
  if (end < offset || end > MaxFileBytes(content.chunk_bytes_log2())) {
    return PosixError(EFBIG, "a file with such chunks cannot be that long");
  }
  if (IsInlineLocked()) {
    if (end > content.inline_max_bytes()) return Way::kMustMove;
    inline_.Write(offset, data);
    NoteWriteLocked();
    return Way::kDone;
  }
  if (moving_) moving_->ours.Add(offset, std::min<uint64_t>(end, kLargestInlineMaxBytes));
  NoteWriteLocked();
  return Way::kChunks;
}

void File::NoteWriteLocked() {
  written_ns_ = SystemClock().WallNs();
  if (!dirty_since_) dirty_since_ = Clock::now();
}

absl::Status File::StartMoving() {
  MutexLock turn(&turn_);
  const IoTimeout::Step step(*mount_->timeout);
  for (int fetches = 0; fetches < kMaxFetches; ++fetches) {
    {
      MutexLock lock(&mutex_);
      if (!IsInlineLocked()) return absl::OkStatus();
      if (inline_.known()) {
        StartMovingLocked();
        return absl::OkStatus();
      }
    }
    WEFT_RETURN_IF_ERROR(FetchInline());
  }
  return PosixError(EIO, "the file's inline content changes too often to be moved");
}

void File::HurryMove() {
  {
    MutexLock lock(&mutex_);
    if (!moving_ || std::exchange(moving_->hurried, true)) return;
  }
  MutexLock turn(&turn_);
  const absl::Status status = Commit();
  // It is committed later, or the error is told then.
  if (!status.ok()) spdlog::debug("inode {}: still inline: {}", inode_.value(), MessageOf(status));
}

void File::StartMovingLocked() {
  moving_ = Moving();
  moving_->based = true;
  moving_->base_is_empty = attr_.size_bytes() == 0;
  moving_->version = inline_.version();
  moving_->errors = errors_.count();
  moving_->ours = inline_.dirty();
  const std::string_view bytes = inline_.bytes();
  buffer_.WriteNow(0, std::as_bytes(std::span(bytes.data(), bytes.size())));
  inline_.DropDirty();
}

}  // namespace weft::client
