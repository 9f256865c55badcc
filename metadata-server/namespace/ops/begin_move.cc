#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::BeginMoveReply> BeginMove(Core& core, const proto::BeginMoveRequest& request,
                                                Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadForWriting(core, transaction, id));
  const bool is_inline = inode.attr().content().is_inline();
  if (is_inline) {
    WEFT_RETURN_IF_ERROR(RenewInlineContent(core, transaction, &inode));
  }
  proto::BeginMoveReply reply;
  *reply.mutable_attr() = std::move(*inode.mutable_attr());
  if (!is_inline) return transaction.Keep(std::move(reply));
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
