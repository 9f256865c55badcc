#include <algorithm>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

// The bytes of an inline file are in chunks now. EAGAIN: the chunks were made from old bytes.
absl::Status DropInline(Core& core, const proto::CommitWriteRequest& request,
                        Transaction& transaction, InodeRecord* inode) {
  proto::Content* const content = inode->mutable_attr()->mutable_content();
  if (request.inline_version() != content->inline_version()) {
    // Holes of a later move to chunks must not show what this client has written into them.
    WEFT_RETURN_IF_ERROR(RenewInlineContent(core, *inode));
    return PosixError(EAGAIN, "the inline bytes have changed");
  }
  transaction.PutInlineBytes(*content, {});
  content->set_is_inline(false);
  inode->mutable_attr()->set_used_bytes(0);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<proto::CommitWriteReply> CommitWrite(Core& core,
                                                    const proto::CommitWriteRequest& request,
                                                    Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadForWriting(core, transaction, id));
  proto::Attr* const attr = inode.mutable_attr();
  if (attr->content().content_id() != request.content_id() ||
      attr->content().is_inline() != request.drop_inline()) {
    return PosixError(EAGAIN, "the content is another one now");
  }
  const uint64_t size = std::max(attr->size_bytes(), request.size_at_least_bytes());
  if (size > MaxFileBytes(attr->content().chunk_bytes_log2())) {
    return PosixError(EFBIG, "the file would be too big");
  }
  if (size > attr->size_bytes()) WEFT_RETURN_IF_ERROR(FinishCut(core, id, Patience::kWait));
  if (request.drop_inline()) {
    WEFT_RETURN_IF_ERROR(DropInline(core, request, transaction, &inode));
  }
  attr->set_size_bytes(size);
  const uint64_t used = attr->used_bytes() + request.used_bytes_added();
  attr->set_used_bytes(
      std::min(used - std::min(used, request.used_bytes_freed()), MostUsedByChunks(size)));
  if (request.mtime_ns() != 0) attr->set_mtime_ns(request.mtime_ns());
  transaction.IgnoreQuotaLimits();  // see metadata.proto
  transaction.PutChanged(&inode);
  proto::CommitWriteReply reply;
  *reply.mutable_attr() = std::move(*attr);
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
