#include <optional>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/names.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/quota_borders.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::LinkReply> Link(Core& core, const proto::LinkRequest& request,
                                      Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckName(request.new_name()));
  if (IsDotName(request.new_name())) return PosixError(EEXIST, "the name exists");
  const InodeId parent(request.new_parent_id());
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({parent, id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord directory, ReadLiveDirectory(*core.store, parent));
  WEFT_RETURN_IF_ERROR(MaySearch(transaction.credentials(), directory));
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> existing,
                        ReadDentry(*core.store, parent, request.new_name()));
  if (existing) return PosixError(EEXIST, "the name exists");
  WEFT_RETURN_IF_ERROR(MayAddName(transaction.credentials(), directory));
  if (IsDirectory(inode)) return PosixError(EPERM, "directories have one name only");
  proto::Attr* const attr = inode.mutable_attr();
  if (attr->nlink() == 0) return PosixError(ENOENT, "the file has no name any more");
  if (attr->nlink() >= kMaxLinks) return PosixError(EMLINK, "the file has too many names");
  WEFT_RETURN_IF_ERROR(LinkOverBorder(core, transaction, directory, &inode));
  attr->set_nlink(attr->nlink() + 1);
  AddName(transaction, &directory, request.new_name(), &inode);
  transaction.PutChanged(&inode);
  transaction.PutChanged(&directory);
  proto::LinkReply reply;
  *reply.mutable_attr() = std::move(*attr);
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
