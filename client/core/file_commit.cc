// File: telling the servers: inline bytes, sizes, the end of a move, durability.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/core/file.h"
#include "common/limits.h"
#include "common/status.h"
#include "common/wire/backoff.h"

namespace weft::client {
namespace {

// Times that others may get in between before a call gives up.
constexpr int kMaxTries = 16;
// Changed ranges of an inline file that are sent one by one; more are joined to one.
constexpr size_t kMaxInlineParts = 8;

absl::Status GaveUp() {
  return PosixError(EIO, "others change the file too often for its bytes to be committed");
}

}  // namespace

absl::Status File::Flush() {
  return UntilContentStays([this]() -> absl::Status {
    {
      MutexLock turn(&turn_);
      WEFT_RETURN_IF_ERROR(FlushInline());
    }
    buffer_.WriteOut();
    MutexLock turn(&turn_);
    return Commit();
  });
}

absl::Status File::UntilContentStays(const std::function<absl::Status()>& write_out) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    const proto::Content before = CurrentContent();
    WEFT_RETURN_IF_ERROR(write_out());
    const proto::Content after = CurrentContent();
    if (before.content_id() == after.content_id() && before.cut() == after.cut()) {
      return absl::OkStatus();
    }
  }
  return GaveUp();
}

absl::Status File::Fsync() {
  WEFT_RETURN_IF_ERROR(UntilContentStays([this]() -> absl::Status {
    {
      MutexLock turn(&turn_);
      WEFT_RETURN_IF_ERROR(FlushInline());
    }
    buffer_.WriteOut();
    WEFT_RETURN_IF_ERROR(SyncTargets());
    MutexLock turn(&turn_);
    return Commit();
  }));
  return SyncMetadata();
}

absl::Status File::FlushInline() {
  const IoTimeout::Step step(*mount_->timeout);
  for (int tries = 0; tries < kMaxTries; ++tries) {
    WEFT_ASSIGN_OR_RETURN(const bool again, FlushInlineOnce());
    if (!again) return absl::OkStatus();
  }
  return GaveUp();
}

absl::StatusOr<bool> File::FlushInlineOnce() {
  bool fetch = false;
  {
    MutexLock lock(&mutex_);
    if (!IsInlineLocked() || !inline_.has_dirty()) return false;
    fetch = inline_.dirty().intervals().size() > kMaxInlineParts && !inline_.known();
  }
  if (fetch) {
    WEFT_RETURN_IF_ERROR(FetchInline());
    return true;
  }
  std::vector<InlineContent::Part> parts;
  uint64_t content_id = 0;
  uint64_t version = 0;
  int64_t written_ns = 0;
  int64_t mtime_ns = 0;
  {
    MutexLock lock(&mutex_);
    if (!IsInlineLocked()) return false;
    if (inline_.dirty().intervals().size() > kMaxInlineParts && !inline_.known()) return true;
    parts = inline_.Take(kMaxInlineParts);
    version = inline_.version();
    content_id = attr_.content().content_id();
    written_ns = written_ns_;
    mtime_ns = written_ns != 0 ? written_ns : attr_.mtime_ns();
  }
  const absl::Status status = WriteInlineParts(parts, content_id, version, mtime_ns);
  {
    MutexLock lock(&mutex_);
    if (status.ok()) {
      inline_.Sent();
      if (written_ns_ == written_ns) written_ns_ = 0;
      if (!inline_.has_dirty()) dirty_since_.reset();
      return false;
    }
    inline_.BackToDirty();
    if (!attr_.content().is_inline()) TransferInlineLocked();
    const int code = ErrnoOf(status);
    if (code != EAGAIN && code != EIO) {  // refused for good, as for lack of space
      inline_.DropDirty();
      inline_.Forget();
      errors_.Keep(status);
      return false;
    }
  }
  if (ErrnoOf(status) == EIO) return status;  // no answer: the bytes are kept for another try
  WEFT_RETURN_IF_ERROR(FetchInline());
  return true;
}

absl::Status File::WriteInlineParts(const std::vector<InlineContent::Part>& parts,
                                    uint64_t content_id, uint64_t version, int64_t mtime_ns) {
  for (const InlineContent::Part& part : parts) {
    proto::WriteInlineRequest request;
    request.set_inode_id(inode_.value());
    request.set_content_id(content_id);
    request.set_offset_bytes(part.offset);
    request.set_mtime_ns(mtime_ns);
    if (part.has_others) request.set_inline_version(version);
    WEFT_ASSIGN_OR_RETURN(const auto reply,
                          mount_->metadata->WriteInline(std::move(request), part.bytes));
    {
      MutexLock lock(&mutex_);
      // Where nobody else wrote in between, what is known of the content stays known.
      const uint64_t written = reply.attr().content().inline_version();
      if (written == inline_.version() + 1) inline_.SetVersion(written);
      NoteCommitLocked();
    }
    HearQuota(reply);
    quota_.Committed(part.bytes.size());
    Adopt(reply.attr(), Origin::kOurChange);
  }
  return absl::OkStatus();
}

void File::NoteCommitLocked() {
  ++commits_;
  if (committed_under_.empty()) committed_under_ = mount_->durability->id();
}

absl::Status File::Commit() {
  wire::Backoff backoff(mount_->timeout->Deadline());
  for (int tries = 0; tries < kMaxTries; ++tries) {
    WEFT_ASSIGN_OR_RETURN(const bool again, CommitOnce());
    if (again) {
      // Two that get into each other's way do not do so for ever.
      if (tries > 0 && !backoff.Wait()) break;
      continue;
    }
    MutexLock lock(&mutex_);
    if (!HasUncommittedLocked() && buffer_.empty()) dirty_since_.reset();
    return absl::OkStatus();
  }
  return GaveUp();
}

absl::StatusOr<bool> File::CommitOnce() {
  bool moving = false;
  {
    MutexLock lock(&mutex_);
    moving = moving_.has_value();
  }
  if (moving) WEFT_RETURN_IF_ERROR(FinishBase());
  proto::CommitWriteRequest request;
  std::optional<WriteBuffer::Uncommitted> state;
  int64_t written_ns = 0;
  {
    MutexLock lock(&mutex_);
    if (moving_ && !moving_->based) return true;  // the content was replaced meanwhile
    state = buffer_.uncommitted();
    written_ns = written_ns_;
    // Chunks of a file that is empty for the server may exist although their writes failed.
    const bool may_have_chunks = moving_ && moving_->errors != errors_.count();
    const bool hurried = moving_ && moving_->hurried;
    if (!state && !may_have_chunks && !hurried &&
        (written_ns == 0 || attr_.content().is_inline())) {
      return false;
    }
    request.set_inode_id(inode_.value());
    request.set_content_id(attr_.content().content_id());
    request.set_mtime_ns(written_ns != 0 ? written_ns : attr_.mtime_ns());
    if (state) {
      request.set_size_at_least_bytes(state->end_bytes);
      request.set_used_bytes_added(state->used_bytes_added);
      request.set_used_bytes_freed(state->used_bytes_freed);
    }
    if (moving_) {
      request.set_drop_inline(true);
      request.set_inline_version(moving_->version);
    }
  }
  const auto reply = mount_->metadata->CommitWrite(std::move(request));
  if (!reply.ok()) return CommitRefused(reply.status(), state);
  HearQuota(*reply);
  if (state) quota_.Committed(state->used_bytes_added);
  Adopt(reply->attr(), Origin::kOurChange);
  MutexLock lock(&mutex_);
  if (state) buffer_.Committed(*state);
  if (written_ns_ == written_ns) written_ns_ = 0;
  NoteCommitLocked();
  return false;
}

absl::StatusOr<bool> File::CommitRefused(const absl::Status& error,
                                         const std::optional<WriteBuffer::Uncommitted>& state) {
  const int code = ErrnoOf(error);
  if (code == EIO) return error;  // no answer: another commit may have more luck
  if (code != EAGAIN) {
    MutexLock lock(&mutex_);
    if (state) buffer_.Committed(*state);
    written_ns_ = 0;
    errors_.Keep(error);
    return error;
  }
  {
    MutexLock lock(&mutex_);
    if (moving_) moving_->based = false;  // the inline bytes were changed meanwhile
  }
  WEFT_RETURN_IF_ERROR(FetchInline());
  buffer_.WriteOut();
  return true;
}

absl::Status File::FinishBase() {
  WEFT_RETURN_IF_ERROR(FetchBase());
  {
    MutexLock lock(&mutex_);
    if (!moving_ || (moving_->based && moving_->base_is_empty)) return absl::OkStatus();
  }
  buffer_.WriteOut();
  bool sync = false;
  {
    MutexLock lock(&mutex_);
    if (!moving_) return absl::OkStatus();
    if (errors_.count() != moving_->errors && !moving_->base_is_empty) {
      // Bytes of the base may be among those that were not stored: the server must not forget them.
      moving_->based = false;
      return errors_.last();
    }
    sync = !moving_->base_is_empty;
  }
  return sync ? SyncTargets() : absl::OkStatus();
}

absl::Status File::FetchBase() {
  {
    MutexLock lock(&mutex_);
    if (!moving_ || moving_->based) return absl::OkStatus();
  }
  std::string bytes;
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->ReadInline(inode_, &bytes));
  Adopt(reply.attr(), Origin::kServer, bytes);
  MutexLock lock(&mutex_);
  if (!moving_ || !reply.attr().content().is_inline()) return absl::OkStatus();
  const std::span<const std::byte> base = std::as_bytes(std::span(bytes.data(), bytes.size()));
  for (const Interval& gap : moving_->ours.Gaps(0, base.size())) {
    buffer_.WriteNow(gap.begin, base.subspan(gap.begin, gap.size()));
  }
  moving_->based = true;
  moving_->base_is_empty = reply.attr().size_bytes() == 0;
  moving_->version = reply.attr().content().inline_version();
  moving_->errors = errors_.count();
  return absl::OkStatus();
}

absl::Status File::SyncTargets() {
  const uint64_t errors = errors_.count();
  MutexLock syncing(&syncing_);
  WEFT_RETURN_IF_ERROR(SyncTargetsAlone());
  // What this one came for may have been in the hands of one that failed before.
  return errors_.count() == errors ? absl::OkStatus() : errors_.last();
}

absl::Status File::SyncTargetsAlone() {
  DurabilityIds targets = buffer_.TakeUnsynced();
  proto::Content content;
  uint64_t size = 0;
  bool all = false;
  {
    MutexLock lock(&mutex_);
    content = attr_.content();
    size = attr_.size_bytes();
    all = std::exchange(sync_all_, false) && !content.is_inline();
  }
  absl::Status status;
  if (all && size > 0) {
    const uint64_t chunks = ((size - 1) >> content.chunk_bytes_log2()) + 1;
    const auto places = mount_->io->TargetsOf(
        content, static_cast<uint32_t>(std::min<uint64_t>(chunks, kMaxWidth)));
    status = places.status();
    if (places.ok()) {
      for (const TargetId target : *places) targets.try_emplace(target);
    }
  }
  if (status.ok() && !targets.empty()) status = mount_->io->Sync(std::move(targets));
  if (!status.ok()) {
    // Told once to everybody who has the file open; what can be saved still is synced next time.
    errors_.Keep(status);
    MutexLock lock(&mutex_);
    sync_all_ = true;
  }
  return status;
}

absl::Status File::SyncMetadata() {
  uint64_t commits = 0;
  std::string under;
  {
    MutexLock lock(&mutex_);
    commits = commits_;
    under = committed_under_;
  }
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->Sync());
  mount_->durability->Set(reply.durability_id());
  MutexLock lock(&mutex_);
  // Of commits since then nothing is known; all that went before are settled by this.
  committed_under_ = commits_ == commits ? std::string() : reply.durability_id();
  if (under.empty() || under == reply.durability_id()) return absl::OkStatus();
  errors_.Keep(PosixError(EIO, "the metadata-server may have lost what was committed"));
  return errors_.last();
}

}  // namespace weft::client
