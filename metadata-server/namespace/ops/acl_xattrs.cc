#include "metadata-server/namespace/ops/acl_xattrs.h"

#include <cerrno>
#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/acl.h"
#include "metadata-server/namespace/modes.h"
#include "metadata-server/namespace/rows.h"
#include "metadata-server/namespace/xattr_rules.h"

namespace weft::metadata::ops {
namespace {

constexpr uint32_t kShownBits = 0777;  // the permissions that an ACL sets

void SetAccessAcl(const proto::Credentials& caller, const Acl& acl, InodeRecord* inode) {
  proto::Attr* const attr = inode->mutable_attr();
  uint32_t permissions = (attr->permissions() & ~kShownBits) | PermissionsOf(acl);
  if (!MayKeepSetGroupId(caller, attr->gid())) permissions &= ~kSetGroupId;
  attr->set_permissions(permissions);
  if (IsMinimal(acl)) {
    inode->clear_access_acl();
  } else {
    inode->set_access_acl(FormatAcl(acl));
  }
}

}  // namespace

absl::StatusOr<std::string> GetAcl(const InodeRecord& inode, std::string_view name) {
  const std::string& acl = name == kAccessAclName ? inode.access_acl() : inode.default_acl();
  if (acl.empty()) return PosixError(ENODATA, "no such ACL");
  return acl;
}

absl::Status SetAcl(const proto::Credentials& caller, std::string_view name, std::string_view value,
                    InodeRecord* inode) {
  Acl acl;
  if (!value.empty()) {
    WEFT_ASSIGN_OR_RETURN(acl, ParseAcl(value));
  }
  if (acl.empty()) return RemoveAcl(caller, name, inode);
  if (name == kDefaultAclName && !IsDirectory(*inode) && inode->attr().type() != proto::SYMLINK) {
    return PosixError(EACCES, "only directories have a default ACL");
  }
  WEFT_RETURN_IF_ERROR(MayChangeAcl(caller, *inode));
  if (name == kAccessAclName) {
    SetAccessAcl(caller, acl, inode);
  } else {
    inode->set_default_acl(FormatAcl(acl));
  }
  return absl::OkStatus();
}

absl::Status RemoveAcl(const proto::Credentials& caller, std::string_view name,
                       InodeRecord* inode) {
  WEFT_RETURN_IF_ERROR(MayChangeAcl(caller, *inode));
  if (name == kAccessAclName) {
    inode->clear_access_acl();
  } else {
    inode->clear_default_acl();
  }
  return absl::OkStatus();
}

size_t AclBytes(const InodeRecord& inode) {
  size_t bytes = 0;
  if (!inode.access_acl().empty()) bytes += kAccessAclName.size() + inode.access_acl().size();
  if (!inode.default_acl().empty()) bytes += kDefaultAclName.size() + inode.default_acl().size();
  return bytes;
}

}  // namespace weft::metadata::ops
