#include "metadata-server/namespace/paths.h"

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "common/status.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

constexpr size_t kMaxDepth = 100'000;

}  // namespace

absl::StatusOr<std::string> PathOf(const KvStore& store, InodeId inode_id) {
  std::vector<std::string> names;  // from the inode up
  for (InodeId id = inode_id; id != kRootInode;) {
    if (names.size() == kMaxDepth) return PosixError(ENAMETOOLONG, "the path is too long");
    WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(store, id));
    const InodeId parent(inode.attr().parent_id());
    WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                          ReadDentry(store, parent, inode.name()));
    if (!dentry || IdOf(*dentry) != id) {
      return PosixError(ENOENT, inode.attr().nlink() == 0
                                    ? "the inode has no name any more"
                                    : "the inode's last name was removed; others are not known");
    }
    names.push_back(std::move(*inode.mutable_name()));
    id = parent;
  }
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path += "/" + *name;
  return path.empty() ? "/" : path;
}

}  // namespace weft::metadata
