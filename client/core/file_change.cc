// File: changing attributes, cutting, punching holes.
#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/core/file.h"
#include "client/core/stored_ranges.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::client {
namespace {

// Chunks whose holes are punched at once.
constexpr uint64_t kChunksAtOnce = 256;
// Times that the content may be cut by others while a hole is punched.
constexpr int kMaxCutsMet = 10;

}  // namespace

absl::StatusOr<proto::Attr> File::SetAttr(Caller caller, const proto::SetAttrRequest& request) {
  if (request.has_size_bytes()) {
    const Gate::Pass pass(&gate_, Gate::Mode::kAlone);
    MutexLock turn(&turn_);
    return SetSize(caller, request);
  }
  MutexLock turn(&turn_);
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->SetAttr(caller, request));
  Adopt(reply.attr(), Origin::kOurChange);
  if (request.has_atime_ns() || request.atime_now()) {
    MutexLock lock(&mutex_);
    read_ns_ = 0;  // reads before this do not set the time any more
  }
  if (request.has_mtime_ns() || request.mtime_now()) {
    // Writes before this do not set the time any more: a later commit repeats what was set here.
    MutexLock lock(&mutex_);
    written_ns_ = 0;
  }
  return attr();
}

absl::StatusOr<proto::Attr> File::SetSize(Caller caller, const proto::SetAttrRequest& request) {
  const auto set = [&]() -> absl::StatusOr<proto::Attr> {
    WEFT_ASSIGN_OR_RETURN(auto reply, mount_->metadata->SetAttr(caller, request));
    return std::move(*reply.mutable_attr());
  };
  if (request.size_bytes() == 0) {
    WEFT_RETURN_IF_ERROR(CutToZeroAlone(set));
    return attr();
  }
  // The server has to know how long the file is, to know what to cut.
  WEFT_RETURN_IF_ERROR(Settle());
  const auto result = set();
  read_ahead_.DropAll();
  if (!result.ok()) {
    MutexLock lock(&mutex_);
    heard_ = {};  // it may have been done in part
    return result.status();
  }
  Adopt(*result, Origin::kOurChange);
  {
    MutexLock lock(&mutex_);
    append_end_ = 0;
  }
  return attr();
}

absl::Status File::Settle() {
  WEFT_RETURN_IF_ERROR(FlushInline());
  buffer_.WriteOut();
  return Commit();
}

absl::Status File::CutToZero(const std::function<absl::StatusOr<proto::Attr>()>& cut) {
  const Gate::Pass pass(&gate_, Gate::Mode::kAlone);
  MutexLock turn(&turn_);
  return CutToZeroAlone(cut);
}

absl::Status File::CutToZeroAlone(const std::function<absl::StatusOr<proto::Attr>()>& cut) {
  bool seems_empty = false;
  bool is_own = false;
  {
    MutexLock lock(&mutex_);
    seems_empty = moving_ && attr_.size_bytes() == 0;
    is_own = own_content_id_ == attr_.content().content_id();
  }
  // The server gives an empty file no new content. It has to know of the chunks of this one, or
  // they would be seen again through later holes.
  if (seems_empty) WEFT_RETURN_IF_ERROR(Settle());
  buffer_.HoldFrom(0);
  {
    MutexLock lock(&mutex_);
    cutting_ = true;
  }
  const auto result = cut();
  buffer_.Unhold(result.ok() ? WriteBuffer::Held::kCut : WriteBuffer::Held::kKeep);
  read_ahead_.DropAll();
  {
    MutexLock lock(&mutex_);
    cutting_ = false;
    if (!result.ok()) {
      heard_ = {};
      return result.status();
    }
    inline_.DropDirty();
    written_ns_ = 0;
    // Who opened it since is not the sole writer, and will not use this one either.
    if (is_own) own_content_id_ = result->content().content_id();
  }
  Adopt(*result, Origin::kOurChange, std::string_view());
  return absl::OkStatus();
}

absl::Status File::Fallocate(int mode, uint64_t offset, uint64_t length) {
  const bool keeps_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const int kind = mode & ~FALLOC_FL_KEEP_SIZE;
  const bool punch = kind == FALLOC_FL_PUNCH_HOLE && keeps_size;
  if (kind != 0 && kind != FALLOC_FL_ZERO_RANGE && !punch) {
    return PosixError(EOPNOTSUPP, "this kind of fallocate");
  }
  if (length == 0) return PosixError(EINVAL, "nothing to allocate");
  const uint64_t end = offset + length;
  const Gate::Pass pass(&gate_, Gate::Mode::kAlone);
  MutexLock turn(&turn_);
  if (end < offset || end > MaxFileBytes(CurrentContent().chunk_bytes_log2())) {
    return PosixError(EFBIG, "a file with such chunks cannot be that long");
  }
  // Zeros need no space here: a range of zeros is a hole that was punched.
  if (kind != 0) WEFT_RETURN_IF_ERROR(Punch(offset, std::min(end, Size())));
  if (kind == 0) WEFT_RETURN_IF_ERROR(CheckSpaceFor(offset, end));
  proto::SetAttrRequest request;
  request.set_inode_id(inode_.value());
  request.set_by_open_file(true);
  if (!keeps_size && end > Size()) {
    request.set_size_bytes(end);
    return SetSize({}, request).status();
  }
  if (kind != 0) return absl::OkStatus();
  request.set_mtime_now(true);  // as ext4 does where it allocates
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->SetAttr({}, request));
  Adopt(reply.attr(), Origin::kOurChange);
  return absl::OkStatus();
}

absl::Status File::CheckSpaceFor(uint64_t begin, uint64_t end) {
  WEFT_ASSIGN_OR_RETURN(const auto space, mount_->metadata->StatFs(inode_));
  if (end - begin <= space.free_bytes()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(Settle());
  uint64_t missing = end - begin;
  const proto::Content content = CurrentContent();
  if (!content.is_inline()) {
    WEFT_ASSIGN_OR_RETURN(const uint64_t stored, CountStored(mount_->io, content, begin, end));
    missing -= stored;
  }
  if (missing <= space.free_bytes()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const auto whole, mount_->metadata->StatFs(kRootInode));
  if (quota_.is_limited() && missing <= whole.free_bytes()) {
    return PosixError(EDQUOT, "a quota above the file does not leave so much");
  }
  return PosixError(ENOSPC, "the file system has " + std::to_string(space.free_bytes()) +
                                " free bytes, and " + std::to_string(missing) + " are asked for");
}

absl::Status File::Punch(uint64_t begin, uint64_t end) {
  if (begin >= end) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(Settle());
  {
    MutexLock lock(&mutex_);
    NoteWriteLocked();
    if (IsInlineLocked()) {
      // An inline file can be longer than its bound, with nothing stored there.
      end = std::min<uint64_t>(end, attr_.content().inline_max_bytes());
      if (begin < end) inline_.Write(begin, std::vector<std::byte>(end - begin));
    }
  }
  WEFT_RETURN_IF_ERROR(FlushInline());
  if (CurrentContent().is_inline()) return absl::OkStatus();
  const absl::Status status = PunchChunks(begin, end);
  read_ahead_.Drop(begin, end);
  WEFT_RETURN_IF_ERROR(status);
  return Commit();
}

absl::Status File::PunchChunks(uint64_t begin, uint64_t end) {
  const IoTimeout::Step step(*mount_->timeout);
  const uint64_t first = begin;
  for (int cuts = 0; begin < end;) {
    const proto::Content content = CurrentContent();
    if (content.is_inline()) return absl::OkStatus();  // another mount has emptied the file
    const uint64_t chunk_bytes = uint64_t{1} << content.chunk_bytes_log2();
    std::vector<ChunkHole> holes;
    uint64_t at = begin;
    while (at < end && holes.size() < kChunksAtOnce) {
      const uint64_t part_end = std::min(end, (at / chunk_bytes + 1) * chunk_bytes);
      holes.push_back({static_cast<uint32_t>(at / chunk_bytes),
                       static_cast<uint32_t>(at % chunk_bytes),
                       static_cast<uint32_t>(part_end - at)});
      at = part_end;
    }
    const absl::StatusOr<uint64_t> freed = mount_->io->Punch(content, holes);
    if (ErrnoOf(freed.status()) == ESTALE && cuts++ < kMaxCutsMet) {
      WEFT_RETURN_IF_ERROR(RefreshContent());
      begin = first;  // it may be another content
      continue;
    }
    if (!freed.ok()) return WriteError(freed.status());
    buffer_.NoteFreed(*freed);
    begin = at;
    MutexLock lock(&mutex_);
    sync_all_ = true;  // the punches are nowhere else known as unsynced
  }
  return absl::OkStatus();
}

}  // namespace weft::client
