#include "common/status.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/paths.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::GetPathReply> GetPath(Core& core, const proto::GetPathRequest& request) {
  proto::GetPathReply reply;
  WEFT_ASSIGN_OR_RETURN(*reply.mutable_path(), PathOf(*core.store, InodeId(request.inode_id())));
  return reply;
}

}  // namespace weft::metadata::ops
