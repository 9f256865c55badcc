#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::GetLayoutReply> GetLayout(Core& core,
                                                const proto::GetLayoutRequest& request) {
  WEFT_ASSIGN_OR_RETURN(const InodeRecord inode,
                        ReadInode(*core.store, InodeId(request.inode_id())));
  proto::GetLayoutReply reply;
  if (IsDirectory(inode)) {
    *reply.mutable_layout() = inode.layout();
  } else if (IsRegular(inode)) {
    *reply.mutable_layout() = LayoutOf(inode.attr().content());
  } else {
    return PosixError(EINVAL, "only directories and regular files have a layout");
  }
  return reply;
}

}  // namespace weft::metadata::ops
