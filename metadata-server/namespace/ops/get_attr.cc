#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::GetAttrReply> GetAttr(Core& core, const proto::GetAttrRequest& request) {
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, InodeId(request.inode_id())));
  proto::GetAttrReply reply;
  *reply.mutable_attr() = std::move(*inode.mutable_attr());
  return reply;
}

}  // namespace weft::metadata::ops
