#include <spdlog/spdlog.h>

#include "common/status.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::CloseReply> Close(Core& core, const proto::CloseRequest& request,
                                        Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  core.opens.Remove(transaction.session(), id, ModeOf(request.for_writing()));
  const absl::Status status = DeleteIfForgotten(core, id);
  // The close is done all the same; upkeep finds the orphan again.
  if (!status.ok()) spdlog::warn("inode {} is not deleted yet: {}", id.value(), MessageOf(status));
  return transaction.Keep(proto::CloseReply());
}

}  // namespace weft::metadata::ops
