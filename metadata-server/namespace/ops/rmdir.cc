#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/names.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::RmdirReply> Rmdir(Core& core, const proto::RmdirRequest& request,
                                        Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckName(request.name()));
  if (request.name() == ".") return PosixError(EINVAL, "the last part of the path is \".\"");
  if (request.name() == "..") return PosixError(ENOTEMPTY, "the directory is not empty");
  WEFT_ASSIGN_OR_RETURN(LockedName name, LockName(core, transaction.credentials(),
                                                  InodeId(request.parent_id()), request.name()));
  WEFT_RETURN_IF_ERROR(MayRemoveName(transaction.credentials(), name.directory, name.inode));
  if (!IsDirectory(name.inode)) return PosixError(ENOTDIR, "not a directory");
  if (name.inode.entry_count() > 0) return PosixError(ENOTEMPTY, "the directory is not empty");
  RemoveName(transaction, &name.directory, request.name(), name.inode);
  transaction.PutChanged(&name.directory);
  WEFT_RETURN_IF_ERROR(DropLink(transaction, &name.inode));
  proto::RmdirReply reply;
  reply.set_inode_id(name.inode.attr().inode_id());
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
