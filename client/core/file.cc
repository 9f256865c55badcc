#include "client/core/file.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "common/access_time.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::client {
namespace {

using std::chrono::milliseconds;

// A file that is dirty for so long has its size committed.
constexpr milliseconds kCommitAfter{750};
// Slabs that are dirty for so long are written out.
constexpr milliseconds kWriteOutAfter{1'000};
// Asking the server whether others changed an open file may hold up a reader for so long, and after
// it was in vain it is not tried again for a while.
constexpr milliseconds kAskTimeout{1'000};
constexpr milliseconds kAskAgainAfter{5'000};
// Times that others may replace the content before bytes that are to be written fail.
constexpr int kMaxBegins = 16;

// What the server said before this.
bool IsOlder(const proto::Attr& a, const proto::Attr& b) {
  return a.era() != b.era() ? a.era() < b.era() : a.change() < b.change();
}

bool DataDiffers(const proto::Attr& a, const proto::Attr& b) {
  return a.content().content_id() != b.content().content_id() ||
         a.content().cut() != b.content().cut() ||
         a.content().inline_version() != b.content().inline_version() ||
         a.size_bytes() != b.size_bytes() || a.mtime_ns() != b.mtime_ns();
}

}  // namespace

File::File(const FileMount* mount, InodeId inode)
    : mount_(mount),
      inode_(inode),
      buffer_(&mount->buffers, this, &errors_),
      read_ahead_(mount->io, mount->pool, mount->read_budget) {}

File::~File() { mount_->gone(inode_); }

bool File::Adopt(const proto::Attr& attr, Origin origin,
                 std::optional<std::string_view> inline_bytes) {
  bool others = false;
  {
    MutexLock lock(&mutex_);
    const bool first = attr_.inode_id() == 0;
    if (!first && IsOlder(attr, attr_)) return false;
    // In another era the same counters may mean other bytes.
    const bool new_era = !first && attr.era() != attr_.era();
    if (!first) {
      others = new_era || (origin == Origin::kOurChange ? attr.change() > attr_.change() + 1
                                                        : DataDiffers(attr, attr_));
    }
    const proto::Attr before = std::exchange(attr_, attr);
    if (new_era && moving_) moving_->based = false;
    if (new_era) append_end_ = 0;  // the server may have forgotten what it gave out
    heard_ = Clock::now();
    AdoptContentLocked(before, others);
    if (attr.content().is_inline() && inline_bytes) {
      inline_.SetBase(*inline_bytes, attr.content().inline_version());
    } else if (new_era || inline_.version() != attr.content().inline_version()) {
      inline_.Forget();
    }
    if (others) changed_by_others_ = kernel_is_old_ = true;
  }
  if (others) {
    read_ahead_.DropAll();
    mount_->invalidate(inode_);
  }
  return others;
}

void File::AdoptContentLocked(const proto::Attr& before, bool others) {
  const proto::Content& content = attr_.content();
  const proto::Content& old = before.content();
  if (content.cut() != old.cut()) append_end_ = 0;  // the server begins at the new end
  // A content in chunks is inline again where the server has lost the commit of its move.
  const bool lost_move = content.is_inline() && !old.is_inline();
  if (content.content_id() != old.content_id() || lost_move) {
    AdoptNewContentLocked();
  } else if (others && content.cut() != old.cut()) {
    if (!buffer_.ContentCut(attr_.size_bytes())) KeepLossLocked();
  }
  if (!content.is_inline()) {
    // The inline bytes are in chunks, maybe others than were moved here.
    if (moving_) buffer_.ForgetAllBut(moving_->ours);
    moving_.reset();
    TransferInlineLocked();
  }
}

void File::AdoptNewContentLocked() {
  std::optional<IntervalSet> ours;
  if (moving_) ours = std::move(moving_->ours);
  if (!buffer_.ContentReplaced(attr_.content(), ours)) KeepLossLocked();
  inline_.Forget();
  moving_.reset();
  if (attr_.content().is_inline() && !buffer_.empty()) {
    moving_ = Moving();
    moving_->ours = buffer_.BufferedBelow(kLargestInlineMaxBytes);
  }
}

void File::KeepLossLocked() {
  if (cutting_) return;
  const absl::Status error =
      PosixError(EIO, "another mount has cut or replaced the file: written data is lost");
  spdlog::error("inode {}: {}", inode_.value(), MessageOf(error));
  errors_.Keep(error);
}

void File::TransferInlineLocked() {
  for (const Interval& part : inline_.dirty().intervals()) {
    const std::string_view bytes = inline_.bytes().substr(part.begin, part.size());
    buffer_.WriteNow(part.begin, std::as_bytes(std::span(bytes.data(), bytes.size())));
  }
  inline_.DropDirty();
}

absl::StatusOr<bool> File::Revalidate() {
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->GetAttr(inode_));
  bool changed = false;
  {
    // By the number of changes: others may have set size and times to what they were.
    MutexLock lock(&mutex_);
    changed = reply.attr().change() != attr_.change();
    if (changed) changed_by_others_ = kernel_is_old_ = true;
  }
  Adopt(reply.attr(), Origin::kServer);
  if (changed) read_ahead_.DropAll();
  MutexLock lock(&mutex_);
  return kernel_is_old_;
}

void File::KernelDropped() {
  MutexLock lock(&mutex_);
  changed_by_others_ = kernel_is_old_ = false;
}

proto::Attr File::server_attr() const {
  MutexLock lock(&mutex_);
  return attr_;
}

proto::Attr File::attr() const {
  MutexLock lock(&mutex_);
  proto::Attr attr = attr_;
  attr.set_size_bytes(SizeLocked());
  if (written_ns_ != 0) {
    attr.set_mtime_ns(written_ns_);
    attr.set_ctime_ns(written_ns_);
  }
  if (read_ns_ != 0) attr.set_atime_ns(read_ns_);
  return attr;
}

void File::NoteRead(proto::AtimePolicy policy) {
  if (policy == proto::NO_ATIME) return;
  const int64_t now_ns = SystemClock().WallNs();
  MutexLock lock(&mutex_);
  const int64_t atime_ns = read_ns_ != 0 ? read_ns_ : attr_.atime_ns();
  const bool is_due = policy == proto::STRICT_ATIME ||
                      IsRelativeAtimeDue(atime_ns, std::max(attr_.mtime_ns(), written_ns_),
                                         std::max(attr_.ctime_ns(), written_ns_), now_ns);
  if (is_due) read_ns_ = now_ns;
}

int64_t File::TakeAtime() {
  MutexLock lock(&mutex_);
  if (read_ns_ != 0) attr_.set_atime_ns(read_ns_);
  return std::exchange(read_ns_, 0);
}

uint64_t File::SizeLocked() const {
  return std::max({attr_.size_bytes(), inline_.dirty_end(), buffer_.End()});
}

uint64_t File::Size() const {
  MutexLock lock(&mutex_);
  return SizeLocked();
}

void File::SetNew() {
  MutexLock lock(&mutex_);
  sync_all_ = false;
  kernel_is_old_ = false;
}

void File::SetOwnContent(uint64_t content_id) {
  MutexLock lock(&mutex_);
  // Who opened it while it was open here is not its sole writer either, and keeps to other
  // contents.
  if (content_id == 0 && writers_ > 1) return;
  own_content_id_ = content_id;
}

void File::CountOpen(bool for_writing) {
  MutexLock lock(&mutex_);
  ++(for_writing ? writers_ : readers_);
}

uint32_t File::CountClose(bool for_writing) {
  MutexLock lock(&mutex_);
  --(for_writing ? writers_ : readers_);
  return writers_ + readers_;
}

bool File::ChangedByOthers(Pages pages) {
  MutexLock lock(&mutex_);
  return pages == Pages::kClear ? std::exchange(changed_by_others_, false) : changed_by_others_;
}

void File::SessionLost() {
  const absl::Status error = PosixError(EIO, "the session was lost before the data was written");
  {
    // Before anything goes: a commit in progress must see that bytes of a move may be missing.
    MutexLock lock(&mutex_);
    if (HasUncommittedLocked() || !buffer_.empty()) errors_.Keep(error);
  }
  bool any = buffer_.Discard();
  MutexLock lock(&mutex_);
  any = any || inline_.has_dirty();
  inline_.DropDirty();
  inline_.Forget();
  heard_ = {};
  own_content_id_ = 0;
  if (any) errors_.Keep(error);  // also what was written since
}

void File::SetLost() {
  MutexLock lock(&mutex_);
  lost_ = true;
}

bool File::GiveUp() {
  const Gate::Pass pass(&gate_, Gate::Mode::kAlone);  // who opens it now writes later
  MutexLock turn(&turn_);
  {
    MutexLock lock(&mutex_);
    if (readers_ + writers_ > 0) return false;
  }
  bool any = buffer_.Discard();
  MutexLock lock(&mutex_);
  any = any || HasUncommittedLocked();
  inline_.DropDirty();
  if (const auto state = buffer_.uncommitted()) buffer_.Committed(*state);
  if (moving_) {
    // Where the file's start was overwritten, the server's inline bytes are all that is left.
    moving_->based = false;
    moving_->ours = IntervalSet();
    left_content_id_ = attr_.content().content_id();
    own_content_id_ = 0;
  }
  return any;
}

uint64_t File::TakeLeftContent() {
  MutexLock lock(&mutex_);
  return std::exchange(left_content_id_, 0);
}

bool File::HasUncommittedLocked() const {
  return inline_.has_dirty() || buffer_.uncommitted().has_value();
}

bool File::Tick() {
  const Clock::time_point now = Clock::now();
  buffer_.WriteOutBehind(now - kWriteOutAfter);
  const bool has_read_ahead = read_ahead_.DropOld();
  MutexLock lock(&mutex_);
  const bool uncommitted = HasUncommittedLocked();
  if (uncommitted && !committing_ && dirty_since_ && now - *dirty_since_ > kCommitAfter) {
    committing_ = true;
    mount_->pool->Submit(IoPool::kMetadataLane,
                         [self = shared_from_this()] { self->CommitBehind(); });
  }
  if (has_read_ahead || uncommitted || committing_ || !buffer_.empty()) return true;
  watched_ = false;
  return false;
}

void File::Watch() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(watched_, true)) return;
  }
  mount_->watch(shared_from_this());
}

void File::CommitBehind() {
  absl::Status status;
  {
    MutexLock turn(&turn_);
    status = FlushInline();
    if (status.ok()) status = Commit();
  }
  if (!status.ok()) {
    spdlog::warn("inode {}: its size is not committed yet: {}", inode_.value(), MessageOf(status));
  }
  MutexLock lock(&mutex_);
  committing_ = false;
  if (dirty_since_) dirty_since_ = Clock::now();
}

void File::RefreshIfOlder(milliseconds age) {
  {
    MutexLock lock(&mutex_);
    if (asking_ || Clock::now() - heard_ <= age) return;
    asking_ = true;
  }
  const auto reply = mount_->metadata->GetAttrOnce(inode_, kAskTimeout);
  if (reply.ok()) Adopt(reply->attr(), Origin::kServer);
  MutexLock lock(&mutex_);
  asking_ = false;
  heard_ = reply.ok() ? Clock::now() : Clock::now() + kAskAgainAfter;
}

absl::Status File::FetchInline() {
  std::string bytes;
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->ReadInline(inode_, &bytes));
  Adopt(reply.attr(), Origin::kServer, bytes);
  return absl::OkStatus();
}

proto::Content File::CurrentContent() {
  MutexLock lock(&mutex_);
  return attr_.content();
}

absl::StatusOr<proto::Content> File::ContentForWriting() {
  MutexLock beginning(&beginning_);
  for (int begins = 0; begins < kMaxBegins; ++begins) {
    {
      MutexLock lock(&mutex_);
      const proto::Content& content = attr_.content();
      if (!content.is_inline() || content.content_id() == own_content_id_) return content;
    }
    WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->BeginMove(inode_));
    if (reply.attr().content().is_inline()) SetOwnContent(reply.attr().content().content_id());
    Adopt(reply.attr(), Origin::kOurChange);
  }
  return PosixError(EIO, "others replace the file's content too often for it to be written");
}

absl::Status File::RefreshContent() {
  WEFT_ASSIGN_OR_RETURN(const auto reply, mount_->metadata->GetAttr(inode_));
  Adopt(reply.attr(), Origin::kServer);
  return absl::OkStatus();
}

}  // namespace weft::client
