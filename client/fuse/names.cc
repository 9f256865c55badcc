// Operations on names: lookup, mknod, mkdir, symlink, readlink, link, unlink, rmdir, rename,
// forget.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "client/fuse/adapter.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

proto::FileType TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case 0:  // as mknod(2) has it
    case S_IFREG:
      return proto::REGULAR;
    case S_IFIFO:
      return proto::FIFO;
    case S_IFSOCK:
      return proto::SOCKET;
    case S_IFCHR:
      return proto::CHARACTER_DEVICE;
    case S_IFBLK:
      return proto::BLOCK_DEVICE;
    default:
      return proto::FILE_TYPE_UNSPECIFIED;
  }
}

void Lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const Adapter& adapter = AdapterOf(request);
  const absl::StatusOr<proto::Attr> attr = AsCaller(request, [&](const client::Caller& caller) {
    return adapter.vfs.Lookup(caller, InodeId(parent), name);
  });
  if (ErrnoOf(attr.status()) == ENOENT && adapter.timeouts.missing_entries.count() > 0) {
    fuse_entry_param missing = {};  // inode 0: there is none, and the kernel may remember it
    missing.entry_timeout = Seconds(adapter.timeouts.missing_entries);
    fuse_reply_entry(request, &missing);
    return;
  }
  ReplyEntry(request, attr);
}

void Forget(fuse_req_t request, fuse_ino_t /*inode*/, uint64_t /*lookups*/) {
  fuse_reply_none(request);
}

void ForgetMulti(fuse_req_t request, size_t /*count*/, fuse_forget_data* /*forgets*/) {
  fuse_reply_none(request);
}

struct NewNode {
  proto::FileType type = proto::REGULAR;
  uint32_t permissions = 0;
  uint32_t rdev = 0;
  const char* symlink_target = "";
};

void Make(fuse_req_t request, fuse_ino_t parent, const char* name, const NewNode& node) {
  const Groups groups = (node.permissions & S_ISGID) != 0 ? Groups::kFresh : Groups::kKept;
  ReplyEntry(request, AsCaller(request, groups, [&](const client::Caller& caller) {
               return AdapterOf(request).vfs.MakeNode(caller, InodeId(parent), name, node.type,
                                                      node.permissions, node.rdev,
                                                      node.symlink_target);
             }));
}

void MakeNode(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t rdev) {
  const proto::FileType type = TypeOf(mode);
  if (type == proto::FILE_TYPE_UNSPECIFIED) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  Make(request, parent, name,
       {.type = type, .permissions = mode & kPermissionBits, .rdev = static_cast<uint32_t>(rdev)});
}

void MakeDirectory(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  Make(request, parent, name, {.type = proto::DIRECTORY, .permissions = mode & kPermissionBits});
}

void Symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  constexpr uint32_t kSymlinkPermissions = 0777;
  Make(request, parent, name,
       {.type = proto::SYMLINK, .permissions = kSymlinkPermissions, .symlink_target = target});
}

void ReadLink(fuse_req_t request, fuse_ino_t inode) {
  const absl::StatusOr<std::string> target = AdapterOf(request).vfs.ReadLink(InodeId(inode));
  if (!target.ok()) return ReplyStatus(request, target.status());
  fuse_reply_readlink(request, target->c_str());
}

void Link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t new_parent, const char* new_name) {
  ReplyEntry(request, AsCaller(request, [&](const client::Caller& caller) {
               return AdapterOf(request).vfs.Link(caller, InodeId(inode), InodeId(new_parent),
                                                  new_name);
             }));
}

void Unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  ReplyStatus(request, AsCaller(request, [&](const client::Caller& caller) {
                return AdapterOf(request).vfs.Unlink(caller, InodeId(parent), name);
              }));
}

void Rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  ReplyStatus(request, AsCaller(request, [&](const client::Caller& caller) {
                return AdapterOf(request).vfs.Rmdir(caller, InodeId(parent), name);
              }));
}

void Rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
            const char* new_name, unsigned flags) {
  const bool no_replace = (flags & RENAME_NOREPLACE) != 0;
  const bool exchange = (flags & RENAME_EXCHANGE) != 0;
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 || (no_replace && exchange)) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  ReplyStatus(request, AsCaller(request, [&](const client::Caller& caller) {
                return AdapterOf(request).vfs.Rename(caller, InodeId(parent), name,
                                                     InodeId(new_parent), new_name, no_replace,
                                                     exchange);
              }));
}

}  // namespace

void AddNameOperations(fuse_lowlevel_ops* operations) {
  operations->lookup = Lookup;
  operations->forget = Forget;
  operations->forget_multi = ForgetMulti;
  operations->mknod = MakeNode;
  operations->mkdir = MakeDirectory;
  operations->symlink = Symlink;
  operations->readlink = ReadLink;
  operations->link = Link;
  operations->unlink = Unlink;
  operations->rmdir = Rmdir;
  operations->rename = Rename;
}

}  // namespace weft::fuse
