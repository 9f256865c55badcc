#include <optional>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/names.h"
#include "metadata-server/namespace/new_inode.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

bool IsDevice(proto::FileType type) {
  return type == proto::CHARACTER_DEVICE || type == proto::BLOCK_DEVICE;
}

absl::Status CheckRequest(const proto::MakeNodeRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckName(request.name()));
  if (!proto::FileType_IsValid(request.type()) || request.type() == proto::FILE_TYPE_UNSPECIFIED) {
    return PosixError(EINVAL, "no such type of file");
  }
  const bool is_symlink = request.type() == proto::SYMLINK;
  if (request.symlink_target().size() > kMaxSymlinkBytes) {
    return PosixError(ENAMETOOLONG, "the target of the symbolic link is too long");
  }
  if (is_symlink == request.symlink_target().empty()) {
    return PosixError(is_symlink ? ENOENT : EINVAL, "symbolic links have a target, others none");
  }
  if (IsDotName(request.name())) return PosixError(EEXIST, "the name exists");
  return absl::OkStatus();
}

// What depends on who makes it, and where.
absl::Status CheckType(const proto::Credentials& caller, const InodeRecord& directory,
                       const proto::MakeNodeRequest& request) {
  // A device with the numbers 0, 0 is a whiteout, which is harmless.
  const bool is_whiteout = request.type() == proto::CHARACTER_DEVICE && request.rdev() == 0;
  if (IsDevice(request.type()) && !is_whiteout && !IsRoot(caller)) {
    return PosixError(EPERM, "only root makes device nodes");
  }
  if (request.type() == proto::DIRECTORY) return CheckSubdirectories(directory);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<proto::MakeNodeReply> MakeNode(Core& core, const proto::MakeNodeRequest& request,
                                              Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckRequest(request));
  const InodeId parent(request.parent_id());
  const InodeLocks::Guard guard = core.locks.Lock({parent});
  WEFT_ASSIGN_OR_RETURN(InodeRecord directory, ReadLiveDirectory(*core.store, parent));
  WEFT_RETURN_IF_ERROR(MaySearch(transaction.credentials(), directory));
  WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> existing,
                        ReadDentry(*core.store, parent, request.name()));
  if (existing) return PosixError(EEXIST, "the name exists");
  WEFT_RETURN_IF_ERROR(MayAddName(transaction.credentials(), directory));
  WEFT_RETURN_IF_ERROR(CheckType(transaction.credentials(), directory, request));
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, NewInode(core, transaction, directory,
                                                    {.type = request.type(),
                                                     .permissions = request.permissions(),
                                                     .umask = request.umask()}));
  if (IsDevice(request.type())) inode.mutable_attr()->set_rdev(request.rdev());
  if (request.type() == proto::SYMLINK) {
    inode.set_symlink_target(request.symlink_target());
    inode.mutable_attr()->set_size_bytes(request.symlink_target().size());
  }
  AddName(transaction, &directory, request.name(), &inode);
  transaction.PutNew(inode);
  transaction.PutChanged(&directory);
  proto::MakeNodeReply reply;
  *reply.mutable_attr() = std::move(*inode.mutable_attr());
  return transaction.Commit(std::move(reply));
}

}  // namespace weft::metadata::ops
