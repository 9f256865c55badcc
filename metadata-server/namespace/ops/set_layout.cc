#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

absl::Status CheckLayout(const proto::Layout& layout) {
  if (layout.chunk_bytes_log2() < kMinChunkBytesLog2 ||
      layout.chunk_bytes_log2() > kMaxChunkBytesLog2) {
    return PosixError(EINVAL, "the chunk size must be 64 KiB to 64 MiB");
  }
  if (layout.width() < 1 || layout.width() > kMaxWidth) {
    return PosixError(EINVAL, "the width must be 1 to " + std::to_string(kMaxWidth));
  }
  if (layout.inline_max_bytes() > kLargestInlineMaxBytes) {
    return PosixError(
        EINVAL, "at most " + std::to_string(kLargestInlineMaxBytes) + " bytes can be kept inline");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<proto::SetLayoutReply> SetLayout(Core& core, const proto::SetLayoutRequest& request,
                                                Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckLayout(request.layout()));
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord directory, ReadDirectory(*core.store, id));
  if (!IsOwner(transaction.credentials(), directory)) {
    return PosixError(EPERM, "only the owner changes the layout of a directory");
  }
  *directory.mutable_layout() = request.layout();
  transaction.PutChanged(&directory);
  return transaction.Commit(proto::SetLayoutReply());
}

}  // namespace weft::metadata::ops
