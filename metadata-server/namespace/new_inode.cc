#include "metadata-server/namespace/new_inode.h"

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/content.h"

namespace weft::metadata {

absl::StatusOr<InodeRecord> NewInode(Core& core, const Transaction& transaction,
                                     const InodeRecord& directory, proto::FileType type,
                                     uint32_t permissions) {
  WEFT_ASSIGN_OR_RETURN(const uint64_t id, core.inode_ids->Next());
  const bool is_group_inherited = (directory.attr().permissions() & kSetGroupId) != 0;
  InodeRecord inode;
  proto::Attr* const attr = inode.mutable_attr();
  attr->set_inode_id(id);
  attr->set_type(type);
  attr->set_permissions(permissions & kPermissionBits);
  attr->set_uid(transaction.uid());
  attr->set_gid(is_group_inherited ? directory.attr().gid() : transaction.gid());
  attr->set_nlink(1);
  attr->set_atime_ns(transaction.now_ns());
  attr->set_mtime_ns(transaction.now_ns());
  attr->set_ctime_ns(transaction.now_ns());
  attr->set_btime_ns(transaction.now_ns());
  attr->set_change(1);
  inode.set_quota_id(directory.quota_id());
  if (type == proto::REGULAR) {
    WEFT_ASSIGN_OR_RETURN(*attr->mutable_content(), NewContent(core, directory.layout()));
  }
  if (type == proto::DIRECTORY) {
    if (is_group_inherited) attr->set_permissions(attr->permissions() | kSetGroupId);
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
