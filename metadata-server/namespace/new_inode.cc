#include "metadata-server/namespace/new_inode.h"

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/acl.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

// By default ACL or umask. Symbolic links have neither.
void SetPermissions(const InodeRecord& directory, NewMode mode, InodeRecord* inode) {
  uint32_t permissions = mode.permissions & kPermissionBits;
  if (mode.type == proto::SYMLINK) {
    inode->mutable_attr()->set_permissions(permissions);
    return;
  }
  if (directory.default_acl().empty()) {
    inode->mutable_attr()->set_permissions(permissions & ~mode.umask);
    return;
  }
  Acl acl = ReadStoredAcl(directory.default_acl());
  Restrict(&permissions, &acl);
  inode->mutable_attr()->set_permissions(permissions);
  if (!IsMinimal(acl)) inode->set_access_acl(FormatAcl(acl));
  if (mode.type == proto::DIRECTORY) inode->set_default_acl(directory.default_acl());
  inode->mutable_attr()->set_has_xattrs(HasAcl(*inode));
}

// Under a set-group-id directory, which gives its group: subdirectories get the bit, too, and an
// executable of somebody who is not in that group must not run with it.
void InheritGroup(const InodeRecord& directory, const proto::Credentials& caller,
                  proto::FileType type, proto::Attr* attr) {
  attr->set_gid(directory.attr().gid());
  const uint32_t executable = kSetGroupId | kGroupExecute;
  if (type == proto::DIRECTORY) {
    attr->set_permissions(attr->permissions() | kSetGroupId);
  } else if ((attr->permissions() & executable) == executable &&
             !MayKeepSetGroupId(caller, attr->gid())) {
    attr->set_permissions(attr->permissions() & ~kSetGroupId);
  }
}

}  // namespace

absl::StatusOr<InodeRecord> NewInode(Core& core, const Transaction& transaction,
                                     const InodeRecord& directory, NewMode mode) {
  WEFT_ASSIGN_OR_RETURN(const uint64_t id, core.inode_ids->Next());
  const proto::Credentials& caller = transaction.credentials();
  InodeRecord inode;
  proto::Attr* const attr = inode.mutable_attr();
  attr->set_inode_id(id);
  attr->set_type(mode.type);
  attr->set_uid(caller.uid());
  attr->set_gid(caller.gid());
  SetPermissions(directory, mode, &inode);
  if ((directory.attr().permissions() & kSetGroupId) != 0) {
    InheritGroup(directory, caller, mode.type, attr);
  }
  attr->set_nlink(1);
  attr->set_atime_ns(transaction.now_ns());
  attr->set_mtime_ns(transaction.now_ns());
  attr->set_ctime_ns(transaction.now_ns());
  attr->set_btime_ns(transaction.now_ns());
  attr->set_change(1);
  inode.set_quota_id(directory.quota_id());
  if (mode.type == proto::REGULAR) {
    WEFT_ASSIGN_OR_RETURN(*attr->mutable_content(), NewContent(core, directory.layout()));
  }
  if (mode.type == proto::DIRECTORY) {
    attr->set_nlink(2);
    attr->set_size_bytes(kDirectoryBytes);
    attr->set_used_bytes(kDirectoryBytes);
    *inode.mutable_layout() = directory.layout();
  }
  return inode;
}

proto::Layout DefaultLayout() {
  proto::Layout layout;
  layout.set_chunk_bytes_log2(kDefaultChunkBytesLog2);
  layout.set_width(kDefaultWidth);
  layout.set_inline_max_bytes(kDefaultInlineMaxBytes);
  return layout;
}

}  // namespace weft::metadata
