#include "metadata-server/namespace/xattr_rules.h"

#include <cerrno>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/modes.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

constexpr size_t kMaxXattrNameBytes = 255;

constexpr std::string_view kUser = "user.";
constexpr std::string_view kTrusted = "trusted.";
constexpr std::string_view kSecurity = "security.";

// User attributes would otherwise let anybody fill a device node or a symbolic link.
bool HasUserXattrs(const InodeRecord& inode) { return IsRegular(inode) || IsDirectory(inode); }

}  // namespace

absl::Status CheckXattrName(std::string_view name) {
  if (name.empty() || name.size() > kMaxXattrNameBytes) {
    return PosixError(ERANGE, "an attribute's name has 1 to 255 bytes");
  }
  if (IsAclName(name)) return absl::OkStatus();
  for (const std::string_view prefix : {kUser, kTrusted, kSecurity}) {
    if (!name.starts_with(prefix)) continue;
    if (name.size() > prefix.size()) return absl::OkStatus();
    return PosixError(EINVAL, "the attribute's name has nothing behind its prefix");
  }
  return PosixError(EOPNOTSUPP, "attributes are named user., trusted. or security.");
}

absl::Status MayGetXattr(const proto::Credentials& caller, const InodeRecord& inode,
                         std::string_view name) {
  const bool is_hidden = (name.starts_with(kTrusted) && !IsRoot(caller)) ||
                         (name.starts_with(kUser) && !HasUserXattrs(inode));
  if (is_hidden) return PosixError(ENODATA, "no such attribute");
  return name.starts_with(kUser) ? May(caller, inode, kWantRead) : absl::OkStatus();
}

absl::Status MayChangeXattr(const proto::Credentials& caller, const InodeRecord& inode,
                            std::string_view name) {
  if (!name.starts_with(kUser)) {
    if (IsRoot(caller)) return absl::OkStatus();
    return PosixError(EPERM, "only root changes trusted. and security. attributes");
  }
  if (!HasUserXattrs(inode)) {
    return PosixError(EPERM, "only regular files and directories have user. attributes");
  }
  const bool is_sticky = IsDirectory(inode) && (inode.attr().permissions() & kSticky) != 0;
  if (is_sticky && !IsOwner(caller, inode)) {
    return PosixError(EPERM, "only the owner changes attributes of a sticky directory");
  }
  return May(caller, inode, kWantWrite);
}

bool IsListed(const proto::Credentials& caller, std::string_view name) {
  return IsRoot(caller) || !name.starts_with(kTrusted);
}

absl::Status MayChangeAcl(const proto::Credentials& caller, const InodeRecord& inode) {
  if (inode.attr().type() == proto::SYMLINK) {
    return PosixError(EOPNOTSUPP, "symbolic links have no ACL");
  }
  if (!IsOwner(caller, inode)) return PosixError(EPERM, "only the owner changes an ACL");
  return absl::OkStatus();
}

}  // namespace weft::metadata
