#include "metadata-server/namespace/quota_borders.h"

#include <cerrno>

#include "common/status.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

constexpr int kMaxDepth = 100'000;

absl::Status CrossesBorder() {
  return PosixError(EXDEV, "it would come under another quota; copy it instead");
}

// Does what is in the two directories count in the same quota, once all walks are done?
absl::StatusOr<bool> AreInOneQuota(const Core& core, const InodeRecord& a, const InodeRecord& b) {
  if (IdOf(a) == IdOf(b)) return true;
  if (!core.quotas.has_walks()) return a.quota_id() == b.quota_id();
  WEFT_ASSIGN_OR_RETURN(const InodeId above_a, QuotaAbove(core, IdOf(a)));
  WEFT_ASSIGN_OR_RETURN(const InodeId above_b, QuotaAbove(core, IdOf(b)));
  return above_a == above_b;
}

}  // namespace

absl::StatusOr<InodeId> QuotaAbove(const Core& core, InodeId directory) {
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    if (core.quotas.IsLive(directory)) return directory;
    if (directory == kRootInode) return InodeId();
    WEFT_ASSIGN_OR_RETURN(const InodeRecord record, ReadInode(*core.store, directory));
    directory = InodeId(record.attr().parent_id());
  }
  return PosixError(EIO, "the metadata store is damaged: a directory does not lead to the root");
}

absl::Status MoveOverBorder(Core& core, Change& change, const InodeRecord& from,
                            const InodeRecord& to, InodeRecord* moved) {
  if (core.quotas.empty()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const bool stays, AreInOneQuota(core, from, to));
  const bool has_own_quota = core.quotas.IsLive(IdOf(*moved));
  const bool is_tree = IsDirectory(*moved) && (moved->entry_count() > 0 || has_own_quota);
  const bool has_more_names = !IsDirectory(*moved) && moved->attr().nlink() > 1;
  if (!stays && (is_tree || has_more_names)) return CrossesBorder();
  if (is_tree) {
    if (core.quotas.has_walks()) core.moved_directories.Add(IdOf(*moved));
  } else if (moved->quota_id() != to.quota_id()) {
    change.MoveToQuota(moved, InodeId(to.quota_id()));
  }
  return absl::OkStatus();
}

absl::Status LinkOverBorder(const Core& core, Change& change, const InodeRecord& directory,
                            InodeRecord* inode) {
  const bool is_same_now = directory.quota_id() == inode->quota_id();
  if (!core.quotas.has_walks()) return is_same_now ? absl::OkStatus() : CrossesBorder();
  const absl::StatusOr<InodeId> above_inode = QuotaAbove(core, InodeId(inode->attr().parent_id()));
  // The directory of the last name that it was given may be gone, and others are not known.
  if (ErrnoOf(above_inode.status()) == ESTALE) {
    return is_same_now ? absl::OkStatus() : CrossesBorder();
  }
  WEFT_RETURN_IF_ERROR(above_inode.status());
  WEFT_ASSIGN_OR_RETURN(const InodeId above, QuotaAbove(core, IdOf(directory)));
  if (above != *above_inode) return CrossesBorder();
  if (!is_same_now) change.MoveToQuota(inode, InodeId(directory.quota_id()));
  return absl::OkStatus();
}

}  // namespace weft::metadata
