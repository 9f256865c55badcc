#include "metadata-server/namespace/opening.h"

#include "metadata-server/namespace/rows.h"

namespace weft::metadata {

absl::StatusOr<bool> PrepareOpen(Core& core, Transaction& transaction, OpenHow how,
                                 InodeRecord* inode) {
  if (inode->attr().type() == proto::SYMLINK) return PosixError(ELOOP, "a symbolic link");
  if (IsDirectory(*inode) && (how.for_writing || how.truncate)) {
    return PosixError(EISDIR, "a directory");
  }
  WEFT_RETURN_IF_ERROR(May(transaction.credentials(), *inode, how.want));
  if (!how.truncate) return false;
  if (!IsRegular(*inode)) return PosixError(EINVAL, "only regular files can be cut");
  // Nothing to cut, but the times change all the same.
  if (!IsEmpty(*inode)) WEFT_RETURN_IF_ERROR(EmptyContent(core, transaction, inode));
  proto::Attr* const attr = inode->mutable_attr();
  attr->set_mtime_ns(transaction.now_ns());
  attr->set_permissions(attr->permissions() &
                        ~SetIdBitsDroppedByWrite(transaction.credentials(), *attr));
  transaction.PutChanged(inode);
  return true;
}

bool HasOpen(const Core& core, SessionId session, InodeId inode, OpenMode mode) {
  return core.InGrace() || core.opens.IsOpenBy(session, inode, mode);
}

absl::StatusOr<InodeRecord> ReadForWriting(const Core& core, const Transaction& transaction,
                                           InodeId id) {
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  if (!IsRegular(inode)) return PosixError(EINVAL, "not a regular file");
  if (!HasOpen(core, transaction.session(), id, OpenMode::kWriting)) {
    WEFT_RETURN_IF_ERROR(May(transaction.credentials(), inode, kWantWrite));
  }
  return inode;
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
