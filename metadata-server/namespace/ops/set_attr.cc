#include <algorithm>
#include <string>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/attribute_rules.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

absl::Status CheckSize(const proto::SetAttrRequest& request, const InodeRecord& inode) {
  if (IsDirectory(inode)) return PosixError(EISDIR, "a directory");
  if (!IsRegular(inode)) return PosixError(EINVAL, "only regular files can be cut");
  if (request.size_bytes() > MaxFileBytes(inode.attr().content().chunk_bytes_log2())) {
    return PosixError(EFBIG, "the file would be too big");
  }
  return absl::OkStatus();
}

// See namespace.h on inline files that are extended.
absl::Status ResizeInline(Core& core, uint64_t size, Change& change, InodeRecord* inode) {
  proto::Attr* const attr = inode->mutable_attr();
  WEFT_ASSIGN_OR_RETURN(std::string bytes, ReadInlineBytes(*core.store, attr->content()));
  if (bytes.size() > size) bytes.resize(size);
  const bool becomes_hole = size > attr->content().inline_max_bytes() && bytes.empty();
  SetInlineBytes(change, inode, bytes);
  if (becomes_hole) attr->mutable_content()->set_is_inline(false);
  attr->set_size_bytes(size);
  return absl::OkStatus();
}

// A shrink leaves a row in kTruncate, for FinishCut.
absl::Status Resize(Core& core, uint64_t size, Change& change, InodeRecord* inode) {
  proto::Attr* const attr = inode->mutable_attr();
  // What was given out to append behind it is not kept for them any more.
  if (size < inode->append_end_bytes()) inode->clear_append_end_bytes();
  if (size == 0) return IsEmpty(*inode) ? absl::OkStatus() : EmptyContent(core, change, inode);
  if (size == attr->size_bytes()) return absl::OkStatus();
  if (attr->content().is_inline()) return ResizeInline(core, size, change, inode);
  const bool is_shrink = size < attr->size_bytes();
  attr->set_size_bytes(size);
  attr->set_used_bytes(std::min(attr->used_bytes(), MostUsedByChunks(size)));
  if (is_shrink) {
    attr->mutable_content()->set_cut(attr->content().cut() + 1);
    change.PutCut(*inode);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<proto::SetAttrReply> SetAttr(Core& core, const proto::SetAttrRequest& request,
                                            Transaction& transaction) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  if (request.has_size_bytes()) WEFT_RETURN_IF_ERROR(CheckSize(request, inode));
  WEFT_RETURN_IF_ERROR(CheckSetAttr(transaction.credentials(), inode, request,
                                    HasOpen(core, transaction.session(), id, OpenMode::kWriting)));
  if (request.has_size_bytes()) {
    if (request.size_bytes() > 0) WEFT_RETURN_IF_ERROR(FinishCut(core, id, Patience::kWait));
    WEFT_RETURN_IF_ERROR(Resize(core, request.size_bytes(), transaction, &inode));
  }
  SetOwnership(transaction.credentials(), request, &inode);
  SetTimes(request, transaction.now_ns(), inode.mutable_attr());
  transaction.PutChanged(&inode);
  proto::SetAttrReply reply;
  *reply.mutable_attr() = std::move(*inode.mutable_attr());
  WEFT_ASSIGN_OR_RETURN(reply, transaction.Commit(std::move(reply)));
  // Bytes behind the new end may not be seen again: the reply waits until they are gone.
  if (request.has_size_bytes()) WEFT_RETURN_IF_ERROR(FinishCut(core, id, Patience::kWait));
  return reply;
}

}  // namespace weft::metadata::ops
