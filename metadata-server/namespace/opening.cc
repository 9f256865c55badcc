#include "metadata-server/namespace/opening.h"

#include "metadata-server/namespace/rows.h"

namespace weft::metadata {

absl::StatusOr<bool> PrepareOpen(Core& core, Change& change, OpenHow how, InodeRecord* inode) {
  if (inode->attr().type() == proto::SYMLINK) return PosixError(ELOOP, "a symbolic link");
  if (IsDirectory(*inode) && (how.for_writing || how.truncate)) {
    return PosixError(EISDIR, "a directory");
  }
  if (!how.truncate) return false;
  if (!IsRegular(*inode)) return PosixError(EINVAL, "only regular files can be cut");
  // Nothing to cut, but the times change all the same.
  if (!IsEmpty(*inode)) WEFT_RETURN_IF_ERROR(EmptyContent(core, change, inode));
  inode->mutable_attr()->set_mtime_ns(change.now_ns());
  change.PutChanged(inode);
  return true;
}

absl::Status DeleteIfForgotten(Core& core, InodeId inode) {
  if (core.InGrace() || core.opens.IsOpen(inode)) return absl::OkStatus();
  const absl::StatusOr<InodeRecord> record = ReadInode(*core.store, inode);
  if (ErrnoOf(record.status()) == ESTALE) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(record.status());
  if (record->attr().nlink() > 0) return absl::OkStatus();
  Change change(core);
  WEFT_RETURN_IF_ERROR(change.DeleteInode(*record));
  return change.Commit();
}

}  // namespace weft::metadata
