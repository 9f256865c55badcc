#include <algorithm>
#include <string>
#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::WriteInlineReply> WriteInline(Core& core,
                                                    const proto::WriteInlineRequest& request,
                                                    std::string_view data,
                                                    Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadForWriting(core, transaction, id));
  proto::Attr* const attr = inode.mutable_attr();
  if (!attr->content().is_inline() || attr->content().content_id() != request.content_id()) {
    return PosixError(EAGAIN, "the content is another one now");
  }
  if (request.has_inline_version() &&
      attr->content().inline_version() != request.inline_version()) {
    return PosixError(EAGAIN, "the inline bytes have changed");
  }
  WEFT_RETURN_IF_ERROR(StoreInline(core, transaction, &inode, request.offset_bytes(), data));
  attr->set_mtime_ns(request.mtime_ns() != 0 ? request.mtime_ns() : transaction.now_ns());
  transaction.PutChanged(&inode);
  proto::WriteInlineReply reply;
  *reply.mutable_attr() = std::move(*attr);
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
