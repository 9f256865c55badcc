// Operations on extended attributes: getxattr, setxattr, listxattr, removexattr.
//
// The ACLs, "system.posix_acl_access" and "system.posix_acl_default", come here from the kernel,
// too, for its own checks. Other names below "system." belong to features that WeftFS does not
// have: storing them without obeying them would mislead. Names below "weft." are in
// virtual_xattrs.h.
#include <sys/xattr.h>

#include <cerrno>
#include <string_view>

#include "client/fuse/adapter.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

bool IsAcl(std::string_view name) {
  return name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

bool IsUnsupported(std::string_view name) { return name.starts_with("system.") && !IsAcl(name); }

// A value of any size, by the rules of getxattr(2): asked with size 0, its length is told.
void ReplyValue(fuse_req_t request, std::string_view value, size_t size) {
  if (size == 0) {
    fuse_reply_xattr(request, value.size());
  } else if (value.size() > size) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, value.data(), value.size());
  }
}

void GetXattr(fuse_req_t request, fuse_ino_t inode, const char* name, size_t size) {
  if (IsUnsupported(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  Adapter& adapter = AdapterOf(request);
  const absl::StatusOr<std::string> value =
      IsVirtualXattr(name) ? GetVirtualXattr(adapter.vfs, InodeId(inode), name, adapter.mount_json)
                           : AsCaller(request, [&](const client::Caller& caller) {
                               return adapter.vfs.GetXattr(caller, InodeId(inode), name);
                             });
  if (!value.ok()) return ReplyStatus(request, value.status());
  ReplyValue(request, *value, size);
}

void SetXattr(fuse_req_t request, fuse_ino_t inode, const char* name, const char* value,
              size_t size, int flags) {
  if (IsUnsupported(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  client::Vfs& vfs = AdapterOf(request).vfs;
  const std::string_view bytes(value, size);
  const Groups groups = IsAcl(name) ? Groups::kFresh : Groups::kKept;
  ReplyStatus(request, AsCaller(request, groups, [&](const client::Caller& caller) {
                return IsVirtualXattr(name)
                           ? SetVirtualXattr(vfs, caller, InodeId(inode), name, bytes)
                           : vfs.SetXattr(caller, InodeId(inode), name, bytes,
                                          (flags & XATTR_CREATE) != 0,
                                          (flags & XATTR_REPLACE) != 0);
              }));
}

void ListXattr(fuse_req_t request, fuse_ino_t inode, size_t size) {
  const absl::StatusOr<std::vector<std::string>> names =
      AsCaller(request, [&](const client::Caller& caller) {
        return AdapterOf(request).vfs.ListXattr(caller, InodeId(inode));
      });
  if (!names.ok()) return ReplyStatus(request, names.status());
  std::string list;
  for (const std::string& name : *names) {
    list += name;
    list += '\0';
  }
  ReplyValue(request, list, size);
}

void RemoveXattr(fuse_req_t request, fuse_ino_t inode, const char* name) {
  if (IsUnsupported(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  client::Vfs& vfs = AdapterOf(request).vfs;
  ReplyStatus(request, AsCaller(request, [&](const client::Caller& caller) {
                return IsVirtualXattr(name) ? RemoveVirtualXattr(vfs, caller, InodeId(inode), name)
                                            : vfs.RemoveXattr(caller, InodeId(inode), name);
              }));
}

}  // namespace

void AddXattrOperations(fuse_lowlevel_ops* operations) {
  operations->getxattr = GetXattr;
  operations->setxattr = SetXattr;
  operations->listxattr = ListXattr;
  operations->removexattr = RemoveXattr;
}

}  // namespace weft::fuse
