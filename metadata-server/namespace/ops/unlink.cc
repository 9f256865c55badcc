#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/names.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::UnlinkReply> Unlink(Core& core, const proto::UnlinkRequest& request,
                                          Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckName(request.name()));
  if (IsDotName(request.name())) return PosixError(EISDIR, "a directory");
  WEFT_ASSIGN_OR_RETURN(LockedName name, LockName(core, transaction.credentials(),
                                                  InodeId(request.parent_id()), request.name()));
  WEFT_RETURN_IF_ERROR(MayRemoveName(transaction.credentials(), name.directory, name.inode));
  if (IsDirectory(name.inode)) return PosixError(EISDIR, "a directory");
  RemoveName(transaction, &name.directory, request.name(), name.inode);
  transaction.PutChanged(&name.directory);
  WEFT_RETURN_IF_ERROR(DropLink(transaction, &name.inode));
  proto::UnlinkReply reply;
  *reply.mutable_attr() = std::move(*name.inode.mutable_attr());
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
