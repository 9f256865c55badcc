#include <spdlog/spdlog.h>

#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/atime.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

// The client has written chunks of the content and given up: they must not show through the holes
// of a later move. Nothing to do where it is not the file's inline content any more.
absl::Status DropLeftChunks(Core& core, InodeId id, uint64_t content_id) {
  absl::StatusOr<InodeRecord> inode = ReadInode(*core.store, id);
  if (ErrnoOf(inode.status()) == ESTALE) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(inode.status());
  const proto::Content& content = inode->attr().content();
  if (!content.is_inline() || content.content_id() != content_id) return absl::OkStatus();
  return RenewInlineContent(core, *std::move(inode));
}

}  // namespace

absl::StatusOr<proto::CloseReply> Close(Core& core, const proto::CloseRequest& request,
                                        Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  const OpenMode mode = ModeOf(request.for_writing());
  if (request.atime_ns() != 0 && HasOpen(core, transaction.session(), id, mode)) {
    SetAtime(core, id, request.atime_ns());
  }
  core.opens.Remove(transaction.session(), id, mode, transaction.sequence());
  if (request.left_content_id() != 0) {
    WEFT_RETURN_IF_ERROR(DropLeftChunks(core, id, request.left_content_id()));
  }
  const absl::Status status = DeleteIfForgotten(core, id);
  // The close is done all the same; upkeep finds the orphan again.
  if (!status.ok()) spdlog::warn("inode {} is not deleted yet: {}", id.value(), MessageOf(status));
  return transaction.Keep(proto::CloseReply());
}

}  // namespace weft::metadata::ops
