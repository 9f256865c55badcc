#include <spdlog/spdlog.h>

#include "common/status.h"
#include "metadata-server/namespace/atime.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::CloseReply> Close(Core& core, const proto::CloseRequest& request,
                                        Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  const OpenMode mode = ModeOf(request.for_writing());
  if (request.atime_ns() != 0 && HasOpen(core, transaction.session(), id, mode)) {
    SetAtime(core, id, request.atime_ns());
  }
  core.opens.Remove(transaction.session(), id, mode);
  const absl::Status status = DeleteIfForgotten(core, id);
  // The close is done all the same; upkeep finds the orphan again.
  if (!status.ok()) spdlog::warn("inode {} is not deleted yet: {}", id.value(), MessageOf(status));
  return transaction.Keep(proto::CloseReply());
}

}  // namespace weft::metadata::ops
