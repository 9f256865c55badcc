#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::ReadInlineReply> ReadInline(Core& core,
                                                  const proto::ReadInlineRequest& request,
                                                  std::string* payload) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  if (!IsRegular(inode)) {
    return PosixError(IsDirectory(inode) ? EISDIR : EINVAL, "not a regular file");
  }
  if (!HasOpen(core, SessionId(request.session_id()), id, OpenMode::kReading) &&
      !HasOpen(core, SessionId(request.session_id()), id, OpenMode::kWriting)) {
    WEFT_RETURN_IF_ERROR(May(request.credentials(), inode, kWantRead));
  }
  if (payload != nullptr) {
    WEFT_ASSIGN_OR_RETURN(*payload, InlinePayload(core, inode));
  }
  proto::ReadInlineReply reply;
  *reply.mutable_attr() = std::move(*inode.mutable_attr());
  return reply;
}

}  // namespace weft::metadata::ops
