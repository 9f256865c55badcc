#include "metadata-server/namespace/attribute_rules.h"

#include <cerrno>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/acl.h"
#include "metadata-server/namespace/modes.h"

namespace weft::metadata {
namespace {

absl::Status NotOwner() { return PosixError(EPERM, "only the owner may"); }

bool OnlyDropsSetIdBits(const proto::SetAttrRequest& request, const proto::Attr& attr) {
  const uint32_t before = attr.permissions();
  const uint32_t after = request.permissions() & kPermissionBits;
  return (after & ~before) == 0 && ((before & ~after) & ~(kSetUserId | kSetGroupId)) == 0;
}

absl::Status CheckChown(const proto::Credentials& caller, const InodeRecord& inode,
                        const proto::SetAttrRequest& request) {
  if (IsRoot(caller)) return absl::OkStatus();
  const proto::Attr& attr = inode.attr();
  const bool owns = caller.uid() == attr.uid();
  if (request.has_uid() && !(owns && request.uid() == attr.uid())) {
    return PosixError(EPERM, "only root gives files away");
  }
  if (request.has_gid() &&
      !(owns && (request.gid() == attr.gid() || IsInGroup(caller, request.gid())))) {
    return PosixError(EPERM, "only the owner gives a file another of his groups");
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const proto::Credentials& caller, const InodeRecord& inode,
                        const proto::SetAttrRequest& request, bool is_open_for_writing) {
  const bool sets_value = (request.has_atime_ns() && !request.atime_now()) ||
                          (request.has_mtime_ns() && !request.mtime_now());
  if (!sets_value && request.atime_now() && request.mtime_now()) {
    return IsOwner(caller, inode) ? absl::OkStatus() : May(caller, inode, kWantWrite);
  }
  // A cut takes its time with it, and so does a change of an open file, as fallocate(2) is. One of
  // the times alone is else not what utime(2) without times does.
  const bool changes_content =
      request.has_size_bytes() || (request.by_open_file() && is_open_for_writing);
  const bool sets_one_now = request.atime_now() || (request.mtime_now() && !changes_content);
  if ((sets_value || sets_one_now) && !IsOwner(caller, inode)) return NotOwner();
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSetAttr(const proto::Credentials& caller, const InodeRecord& inode,
                          const proto::SetAttrRequest& request, bool is_open_for_writing) {
  if (request.has_size_bytes() && !(request.by_open_file() && is_open_for_writing)) {
    WEFT_RETURN_IF_ERROR(May(caller, inode, kWantWrite));
  }
  WEFT_RETURN_IF_ERROR(CheckChown(caller, inode, request));
  if (!IsOwner(caller, inode)) {
    if (request.has_permissions() && !OnlyDropsSetIdBits(request, inode.attr())) return NotOwner();
    const bool drops = request.has_permissions() || request.clear_set_id();
    if (drops && !is_open_for_writing && !May(caller, inode, kWantWrite).ok()) return NotOwner();
  }
  return CheckTimes(caller, inode, request, is_open_for_writing);
}

void SetOwnership(const proto::Credentials& caller, const proto::SetAttrRequest& request,
                  InodeRecord* inode) {
  proto::Attr* const attr = inode->mutable_attr();
  uint32_t permissions = attr->permissions();
  if (request.has_uid() || request.has_gid() || request.clear_set_id()) {
    permissions &= ~SetIdBitsDroppedByChown(caller, *attr);
  }
  if (request.has_size_bytes()) permissions &= ~SetIdBitsDroppedByWrite(caller, *attr);
  if (request.has_uid()) attr->set_uid(request.uid());
  if (request.has_gid()) attr->set_gid(request.gid());
  if (request.has_permissions()) {
    permissions = request.permissions() & kPermissionBits;
    if (!MayKeepSetGroupId(caller, attr->gid())) permissions &= ~kSetGroupId;
  }
  attr->set_permissions(permissions);
  if (inode->access_acl().empty()) return;
  Acl acl = ReadStoredAcl(inode->access_acl());
  SetPermissions(permissions, &acl);
  inode->set_access_acl(FormatAcl(acl));
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

}  // namespace weft::metadata
