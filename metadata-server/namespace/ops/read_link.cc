#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/atime.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::ReadLinkReply> ReadLink(Core& core, const proto::ReadLinkRequest& request) {
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, InodeId(request.inode_id())));
  if (inode.attr().type() != proto::SYMLINK) return PosixError(EINVAL, "not a symbolic link");
  NoteRead(core, request.atime(), inode.attr());
  proto::ReadLinkReply reply;
  reply.set_target(std::move(*inode.mutable_symlink_target()));
  return reply;
}

}  // namespace weft::metadata::ops
