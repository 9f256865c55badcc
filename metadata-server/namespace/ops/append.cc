#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::AppendReply> Append(Core& core, const proto::AppendRequest& request,
                                          std::string_view data, Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadForWriting(core, transaction, id));
  proto::Attr* const attr = inode.mutable_attr();
  if (attr->content().content_id() != request.content_id()) {
    return PosixError(EAGAIN, "the content is another one now");
  }
  proto::AppendReply reply;
  if (attr->content().is_inline()) {
    if (data.size() != request.length_bytes()) return PosixError(EFBIG, "the bytes are not here");
    reply.set_offset_bytes(attr->size_bytes());
    reply.set_is_stored(true);
    WEFT_RETURN_IF_ERROR(StoreInline(core, transaction, &inode, attr->size_bytes(), data));
    attr->set_mtime_ns(request.mtime_ns() != 0 ? request.mtime_ns() : transaction.now_ns());
    transaction.PutChanged(&inode);
  } else {
    const uint64_t offset = std::max(attr->size_bytes(), inode.append_end_bytes());
    const uint64_t most = MaxFileBytes(attr->content().chunk_bytes_log2());
    if (offset > most || request.length_bytes() > most - offset) {
      return PosixError(EFBIG, "the file would be too big");
    }
    reply.set_offset_bytes(offset);
    // Kept like everything else: what was given out before a restart is not given out again.
    inode.set_append_end_bytes(offset + request.length_bytes());
    transaction.PutUnchanged(&inode);
  }
  *reply.mutable_attr() = std::move(*attr);
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
