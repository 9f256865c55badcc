#include "metadata-server/namespace/quota_walks.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/quota_borders.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

constexpr size_t kPageNames = 256;    // read at once
constexpr size_t kPageInodes = 4096;  // the same, of a scan

// The inode's lock is held.
absl::Status Retag(Core& core, InodeRecord* inode, InodeId quota) {
  if (InodeId(inode->quota_id()) == quota) return absl::OkStatus();
  Change change(core);
  change.IgnoreQuotaLimits();
  change.MoveToQuota(inode, quota);
  change.PutUnchanged(inode);
  return change.Commit();
}

// The quota of a directory that a walk has come to, also one that is being removed, stands below
// `parent`. The directory's lock is held.
absl::Status TakeOver(Core& core, InodeId directory, InodeId parent) {
  const std::optional<Quota> quota = core.quotas.Get(directory);
  if (!quota || InodeId(quota->record.parent_id()) == parent) return absl::OkStatus();
  return QuotaTable::Alone(&core.quotas).MoveBelow(core.store, directory, parent);
}

// Nothing where the inode is gone.
absl::StatusOr<std::optional<InodeRecord>> Find(const Core& core, InodeId id) {
  absl::StatusOr<InodeRecord> inode = ReadInode(*core.store, id);
  if (ErrnoOf(inode.status()) == ESTALE) return std::nullopt;
  WEFT_RETURN_IF_ERROR(inode.status());
  return *std::move(inode);
}

}  // namespace

void MovedDirectories::Add(InodeId directory) {
  MutexLock lock(&mutex_);
  directories_.insert(directory);
}

std::optional<InodeId> MovedDirectories::Take() {
  MutexLock lock(&mutex_);
  if (directories_.empty()) return std::nullopt;
  return directories_.extract(directories_.begin()).value();
}

absl::StatusOr<bool> QuotaWalker::Step(size_t max_names) {
  if (walk_ && !core_->quotas.IsCurrent(*walk_)) walk_.reset();
  if (!walk_) {
    frames_.clear();
    scan_at_.reset();
    // What moves from here on is seen by the walk itself, or noted.
    while (core_->moved_directories.Take()) {
    }
    const std::optional<QuotaWalk> next = core_->quotas.NextWalk();
    if (!next) return false;
    WEFT_RETURN_IF_ERROR(BeginWalk(*next));
    walk_ = next;
  }
  absl::StatusOr<bool> more = Advance(max_names);
  if (!more.ok()) walk_.reset();
  return more;
}

absl::StatusOr<bool> QuotaWalker::Advance(size_t max_names) {
  for (size_t looked_at = 0; looked_at < max_names;) {
    ++looked_at;
    if (const auto moved = core_->moved_directories.Take()) {
      WEFT_RETURN_IF_ERROR(VisitMoved(*moved));
    } else if (!frames_.empty()) {
      WEFT_ASSIGN_OR_RETURN(const size_t names, VisitNames(max_names - looked_at + 1));
      looked_at += names;
    } else if (scan_at_) {
      WEFT_ASSIGN_OR_RETURN(const size_t inodes, ScanInodes(max_names - looked_at + 1));
      looked_at += inodes;
      if (!walk_) return core_->quotas.has_walks();
    } else {
      WEFT_RETURN_IF_ERROR(Finish());
      if (!walk_) return core_->quotas.has_walks();
    }
  }
  return true;
}

absl::Status QuotaWalker::BeginWalk(const QuotaWalk& walk) {
  const InodeLocks::Guard guard = core_->locks.Lock({walk.quota});
  WEFT_ASSIGN_OR_RETURN(std::optional<InodeRecord> root, Find(*core_, walk.quota));
  if (!root) return absl::OkStatus();  // removed, with all that was in it
  // One whose quota is removed may have been moved to another one already.
  if (!walk.is_removal || InodeId(root->quota_id()) == walk.quota) {
    WEFT_RETURN_IF_ERROR(Retag(*core_, &*root, walk.target));
  }
  frames_.push_back({walk.quota, walk.target, {}});
  return absl::OkStatus();
}

absl::Status QuotaWalker::VisitMoved(InodeId directory) {
  const InodeLocks::Guard guard = core_->locks.Lock({directory});
  WEFT_ASSIGN_OR_RETURN(std::optional<InodeRecord> moved, Find(*core_, directory));
  if (!moved || moved->attr().nlink() == 0) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const InodeId target,
                        QuotaAbove(*core_, InodeId(moved->attr().parent_id())));
  WEFT_RETURN_IF_ERROR(TakeOver(*core_, directory, target));
  if (core_->quotas.IsLive(directory)) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(Retag(*core_, &*moved, target));
  frames_.push_back({directory, target, {}});
  return absl::OkStatus();
}

// A page of the last frame's names, or less where one of them is a directory, which comes first.
absl::StatusOr<size_t> QuotaWalker::VisitNames(size_t max_names) {
  const Frame frame = frames_.back();
  std::string first = DentryKey(frame.directory, frame.after_name);
  if (!frame.after_name.empty()) first.push_back('\0');
  const size_t page = std::min(max_names, kPageNames);
  std::vector<Name> names;
  absl::Status failure;
  WEFT_RETURN_IF_ERROR(core_->store->Scan(
      Family::kDentry, InodeKey(frame.directory), first,
      [&](std::string_view key, std::string_view value) {
        DentryRecord dentry;
        if (!dentry.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          failure = PosixError(EIO, "the metadata store is damaged: bad directory entry");
          return false;
        }
        names.push_back({std::string(NameOfKey(key)), IdOf(dentry)});
        return names.size() < page;
      }));
  WEFT_RETURN_IF_ERROR(failure);
  const size_t depth = frames_.size();
  size_t visited = 0;
  for (const Name& name : names) {
    WEFT_ASSIGN_OR_RETURN(const bool stays, VisitName(frame, name));
    if (!stays) {
      frames_.resize(depth - 1);
      return visited;
    }
    ++visited;
    frames_[depth - 1].after_name = name.name;
    if (frames_.size() > depth) return visited;
  }
  if (names.size() < page) frames_.pop_back();
  return visited;
}

absl::StatusOr<bool> QuotaWalker::VisitName(const Frame& frame, const Name& name) {
  const InodeLocks::Guard guard = core_->locks.Lock({frame.directory, name.inode});
  WEFT_ASSIGN_OR_RETURN(const std::optional<InodeRecord> directory, Find(*core_, frame.directory));
  if (!directory || InodeId(directory->quota_id()) != frame.target) return false;
  WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                        ReadDentry(*core_->store, frame.directory, name.name));
  if (!dentry || IdOf(*dentry) != name.inode) return true;
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core_->store, name.inode));
  WEFT_RETURN_IF_ERROR(TakeOver(*core_, name.inode, frame.target));
  if (core_->quotas.IsLive(name.inode)) return true;
  WEFT_RETURN_IF_ERROR(Retag(*core_, &inode, frame.target));
  if (IsDirectory(inode)) frames_.push_back({name.inode, frame.target, {}});
  return true;
}

absl::Status QuotaWalker::Finish() {
  if (walk_->is_removal) return FinishRemoval();
  WEFT_RETURN_IF_ERROR(QuotaTable::Alone(&core_->quotas).FinishCounting(core_->store, *walk_));
  walk_.reset();
  return absl::OkStatus();
}

// The tree has been walked. Where something still counts in the quota all inodes are looked at;
// after a look that found nothing, nothing does, whatever the counters say.
absl::Status QuotaWalker::FinishRemoval() {
  const InodeId id = walk_->quota;
  QuotaTable::Alone alone(&core_->quotas);
  if (!core_->quotas.IsCurrent(*walk_)) {
    walk_.reset();
    return absl::OkStatus();
  }
  for (const InodeId child : core_->quotas.ChildrenOf(id)) {
    WEFT_RETURN_IF_ERROR(alone.MoveBelow(core_->store, child, walk_->target));
  }
  const std::optional<Quota> quota = core_->quotas.Get(id);
  const bool is_scanned = std::exchange(scan_at_, std::nullopt).has_value();
  if (quota && quota->use != QuotaUse() && (!is_scanned || scan_found_)) {
    scan_at_ = InodeId();
    scan_found_ = false;
    return absl::OkStatus();
  }
  if (quota && quota->use != QuotaUse()) {
    spdlog::warn("the removed quota of inode {} counted {} bytes and {} inodes that no inode has",
                 id.value(), quota->use.bytes, quota->use.inodes);
  }
  WEFT_RETURN_IF_ERROR(alone.Drop(core_->store, id));
  walk_.reset();
  return absl::OkStatus();
}

absl::StatusOr<size_t> QuotaWalker::ScanInodes(size_t max_inodes) {
  const size_t page = std::min(max_inodes, kPageInodes);
  std::vector<InodeId> found;
  size_t looked_at = 0;
  InodeId last;
  WEFT_RETURN_IF_ERROR(core_->store->Scan(
      Family::kInode, {}, InodeKey(*scan_at_), [&](std::string_view key, std::string_view value) {
        last = InodeOfKey(key);
        InodeRecord inode;
        if (inode.ParseFromArray(value.data(), static_cast<int>(value.size())) &&
            InodeId(inode.quota_id()) == walk_->quota) {
          found.push_back(last);
        }
        return ++looked_at < page;
      }));
  for (const InodeId id : found) {
    const InodeLocks::Guard guard = core_->locks.Lock({id});
    WEFT_ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, Find(*core_, id));
    if (!inode || InodeId(inode->quota_id()) != walk_->quota) continue;
    WEFT_RETURN_IF_ERROR(Retag(*core_, &*inode, walk_->target));
    scan_found_ = true;
  }
  scan_at_ = InodeId(last.value() + 1);
  if (looked_at < page) WEFT_RETURN_IF_ERROR(FinishRemoval());
  return looked_at;
}

}  // namespace weft::metadata
