// Operations on attributes: getattr, setattr, statfs.
//
// Setuid and setgid bits that a write must drop are dropped by the kernel through setattr, in the
// writer's name, because the session does not ask for FUSE_CAP_HANDLE_KILLPRIV. The metadata-server
// allows that to who may write. Truncating, O_TRUNC and chown drop them on the metadata-server.
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "client/fuse/adapter.h"
#include "common/limits.h"

namespace weft::fuse {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t ToNs(const timespec& time) { return time.tv_sec * kNsPerSecond + time.tv_nsec; }

void GetAttr(fuse_req_t request, fuse_ino_t inode, fuse_file_info* /*file*/) {
  ReplyAttr(request, AdapterOf(request).vfs.GetAttr(InodeId(inode)));
}

client::AttrChanges ToChanges(const struct stat& wanted, int to_set, bool by_open_file) {
  client::AttrChanges changes;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) changes.permissions = wanted.st_mode & kPermissionBits;
  if ((to_set & FUSE_SET_ATTR_UID) != 0) changes.uid = wanted.st_uid;
  if ((to_set & FUSE_SET_ATTR_GID) != 0) changes.gid = wanted.st_gid;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) changes.size_bytes = wanted.st_size;
  changes.by_open_file = by_open_file;
  if ((to_set & FUSE_SET_ATTR_ATIME_NOW) != 0) {
    changes.atime_now = true;
  } else if ((to_set & FUSE_SET_ATTR_ATIME) != 0) {
    changes.atime_ns = ToNs(wanted.st_atim);
  }
  if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) {
    changes.mtime_now = true;
  } else if ((to_set & FUSE_SET_ATTR_MTIME) != 0) {
    changes.mtime_ns = ToNs(wanted.st_mtim);
  }
  return changes;
}

void SetAttr(fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int to_set,
             fuse_file_info* file) {
  const client::AttrChanges changes = ToChanges(*wanted, to_set, file != nullptr);
  const bool keeps_set_group_id = changes.permissions && (*changes.permissions & S_ISGID) != 0;
  ReplyAttr(request, AsCaller(request, keeps_set_group_id ? Groups::kFresh : Groups::kKept,
                              [&](const client::Caller& caller) {
                                return AdapterOf(request).vfs.SetAttr(caller, InodeId(inode),
                                                                      changes);
                              }));
}

void StatFs(fuse_req_t request, fuse_ino_t inode) {
  const absl::StatusOr<proto::StatFsReply> figures = AdapterOf(request).vfs.StatFs(InodeId(inode));
  if (!figures.ok()) return ReplyStatus(request, figures.status());
  struct statvfs stat = {};
  stat.f_bsize = kBlockBytes;
  stat.f_frsize = kBlockBytes;
  stat.f_blocks = figures->capacity_bytes() / kBlockBytes;
  stat.f_bfree = figures->free_bytes() / kBlockBytes;
  stat.f_bavail = stat.f_bfree;
  stat.f_files = figures->inodes_used() + figures->inodes_free();
  stat.f_ffree = figures->inodes_free();
  stat.f_favail = stat.f_ffree;
  stat.f_namemax = kMaxNameBytes;
  fuse_reply_statfs(request, &stat);
}

}  // namespace

void AddAttributeOperations(fuse_lowlevel_ops* operations) {
  operations->getattr = GetAttr;
  operations->setattr = SetAttr;
  operations->statfs = StatFs;
}

}  // namespace weft::fuse
