#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

constexpr size_t kMaxDepth = 100'000;

}  // namespace

absl::StatusOr<proto::GetPathReply> GetPath(Core& core, const proto::GetPathRequest& request) {
  std::vector<std::string> names;  // from the inode up
  for (InodeId id(request.inode_id()); id != kRootInode;) {
    if (names.size() == kMaxDepth) return PosixError(ENAMETOOLONG, "the path is too long");
    WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
    const InodeId parent(inode.attr().parent_id());
    WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                          ReadDentry(*core.store, parent, inode.name()));
    if (!dentry || IdOf(*dentry) != id) {
      return PosixError(ENOENT, inode.attr().nlink() == 0
                                    ? "the inode has no name any more"
                                    : "the inode's last name was removed; others are not known");
    }
    names.push_back(std::move(*inode.mutable_name()));
    id = parent;
  }
  proto::GetPathReply reply;
  std::string* const path = reply.mutable_path();
  for (auto name = names.rbegin(); name != names.rend(); ++name) *path += "/" + *name;
  if (path->empty()) *path = "/";
  return reply;
}

}  // namespace weft::metadata::ops
