#include "metadata-server/namespace/names.h"

#include <optional>
#include <string>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

void CountEntry(Change& change, InodeRecord* directory, const InodeRecord& inode, int delta) {
  proto::Attr* const attr = directory->mutable_attr();
  directory->set_entry_count(directory->entry_count() + delta);
  if (IsDirectory(inode)) attr->set_nlink(attr->nlink() + delta);
  attr->set_mtime_ns(change.now_ns());
}

}  // namespace

absl::StatusOr<LockedName> LockName(Core& core, const proto::Credentials& caller, InodeId directory,
                                    std::string_view name) {
  for (int i = 0; i < kMaxNameLocks; ++i) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> before,
                          ReadDentry(*core.store, directory, name));
    const InodeId inode = before ? IdOf(*before) : InodeId();
    InodeLocks::Guard guard = core.locks.Lock({directory, inode});
    WEFT_ASSIGN_OR_RETURN(InodeRecord directory_record, ReadLiveDirectory(*core.store, directory));
    WEFT_RETURN_IF_ERROR(MaySearch(caller, directory_record));
    WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                          ReadDentry(*core.store, directory, name));
    if (!dentry) return PosixError(ENOENT, "no such name");
    if (IdOf(*dentry) != inode) continue;
    WEFT_ASSIGN_OR_RETURN(InodeRecord inode_record, ReadInode(*core.store, inode));
    return LockedName{std::move(guard), std::move(directory_record), std::move(inode_record)};
  }
  return PosixError(EBUSY, "the name changes all the time");
}

absl::Status CheckSubdirectories(const InodeRecord& directory) {
  if (directory.attr().nlink() < kMaxLinks) return absl::OkStatus();
  return PosixError(EMLINK, "the directory has too many subdirectories");
}

void AddName(Change& change, InodeRecord* directory, std::string_view name, InodeRecord* inode) {
  CountEntry(change, directory, *inode, 1);
  inode->mutable_attr()->set_parent_id(directory->attr().inode_id());
  inode->set_name(std::string(name));
  change.PutDentry(IdOf(*directory), name, *inode);
}

void RemoveName(Change& change, InodeRecord* directory, std::string_view name,
                const InodeRecord& inode) {
  CountEntry(change, directory, inode, -1);
  change.DeleteDentry(IdOf(*directory), name);
}

absl::Status DropLink(Change& change, InodeRecord* inode) {
  const uint32_t nlink = inode->attr().nlink();
  if (IsDirectory(*inode) || nlink <= 1) return change.DropUnnamed(inode);
  inode->mutable_attr()->set_nlink(nlink - 1);
  change.PutChanged(inode);
  return absl::OkStatus();
}

}  // namespace weft::metadata
