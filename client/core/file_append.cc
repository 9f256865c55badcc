// File: where the bytes of an append go.
//
// The server gives each append its place, so that those of several mounts follow one another: a
// round trip for each. What lies in chunks is buffered here like any other write, at that place.
#include <algorithm>
#include <cerrno>
#include <string_view>

#include "client/core/file.h"
#include "common/clock.h"
#include "common/status.h"
#include "common/wire/backoff.h"

namespace weft::client {

absl::StatusOr<std::optional<uint64_t>> File::PlaceAppend(std::span<const std::byte> data) {
  wire::Backoff backoff(mount_->timeout->Deadline());
  do {
    absl::StatusOr<proto::AppendReply> reply = proto::AppendReply();
    bool was_inline = false;
    {
      MutexLock turn(&turn_);
      WEFT_RETURN_IF_ERROR(PrepareAppend());
      was_inline = CurrentContent().is_inline();
      reply = AskForPlace(data);
    }
    if (reply.ok()) {
      return reply->is_stored() ? std::nullopt : std::optional(reply->offset_bytes());
    }
    if (ErrnoOf(reply.status()) == EAGAIN) {
      WEFT_RETURN_IF_ERROR(FetchInline());
    } else if (ErrnoOf(reply.status()) == EFBIG && was_inline) {
      WEFT_RETURN_IF_ERROR(FetchInline());
      WEFT_RETURN_IF_ERROR(StartMoving());  // PrepareAppend commits the move
    } else {
      return WriteError(reply.status());
    }
    // Two that get into each other's way do not do so for ever.
  } while (backoff.Wait());
  return PosixError(EIO, "others change the file too often for bytes to be appended");
}

absl::Status File::PrepareAppend() {
  bool must_tell = false;
  {
    MutexLock lock(&mutex_);
    if (lost_) return PosixError(EIO, "the file does not exist any more");
    const uint64_t given =
        append_content_id_ == attr_.content().content_id() ? append_end_ : uint64_t{0};
    // The server must know how far other writes of this mount reach.
    must_tell =
        moving_ || inline_.has_dirty() || SizeLocked() > std::max(attr_.size_bytes(), given);
    if (moving_) moving_->hurried = true;  // also where nothing else is to be committed
  }
  return must_tell ? Settle() : absl::OkStatus();
}

absl::StatusOr<proto::AppendReply> File::AskForPlace(std::span<const std::byte> data) {
  const proto::Content content = CurrentContent();
  proto::AppendRequest request;
  request.set_inode_id(inode_.value());
  request.set_content_id(content.content_id());
  request.set_length_bytes(data.size());
  request.set_mtime_ns(SystemClock().WallNs());
  std::string_view payload;
  if (content.is_inline() && data.size() <= content.inline_max_bytes()) {
    payload = {reinterpret_cast<const char*>(data.data()), data.size()};
  }
  WEFT_ASSIGN_OR_RETURN(auto reply, mount_->metadata->Append(std::move(request), payload));
  HearQuota(reply);
  {
    MutexLock lock(&mutex_);
    if (reply.is_stored()) {
      NoteCommitLocked();
      quota_.Committed(data.size());
    } else {
      append_content_id_ = content.content_id();
      append_end_ = reply.offset_bytes() + data.size();
    }
  }
  Adopt(reply.attr(), reply.is_stored() ? Origin::kOurChange : Origin::kServer);
  return reply;
}

}  // namespace weft::client
