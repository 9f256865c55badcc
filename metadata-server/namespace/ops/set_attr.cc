#include <algorithm>
#include <string>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/new_inode.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

void SetOwnership(const proto::SetAttrRequest& request, proto::Attr* attr) {
  if (request.has_uid()) attr->set_uid(request.uid());
  if (request.has_gid()) attr->set_gid(request.gid());
  if (request.clear_set_id() && attr->type() != proto::DIRECTORY) {
    uint32_t permissions = attr->permissions() & ~kSetUserId;
    // Without group execute permission the bit does not mean set-group-id.
    if ((permissions & kGroupExecute) != 0) permissions &= ~kSetGroupId;
    attr->set_permissions(permissions);
  }
  if (request.has_permissions()) attr->set_permissions(request.permissions() & kPermissionBits);
}

void SetTimes(const proto::SetAttrRequest& request, int64_t now_ns, proto::Attr* attr) {
  if (request.atime_now()) {
    attr->set_atime_ns(now_ns);
  } else if (request.has_atime_ns()) {
    attr->set_atime_ns(request.atime_ns());
  }
  if (request.mtime_now() || (request.has_size_bytes() && !request.has_mtime_ns())) {
    attr->set_mtime_ns(now_ns);
  } else if (request.has_mtime_ns()) {
    attr->set_mtime_ns(request.mtime_ns());
  }
}

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
  if (request.has_size_bytes()) {
    WEFT_RETURN_IF_ERROR(CheckSize(request, inode));
    if (request.size_bytes() > 0) WEFT_RETURN_IF_ERROR(FinishCut(core, id, Patience::kWait));
    WEFT_RETURN_IF_ERROR(Resize(core, request.size_bytes(), transaction, &inode));
  }
  SetOwnership(request, inode.mutable_attr());
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
