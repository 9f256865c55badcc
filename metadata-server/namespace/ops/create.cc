#include <optional>
#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/names.h"
#include "metadata-server/namespace/new_inode.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

// Nothing: the name exists.
absl::StatusOr<std::optional<proto::CreateReply>> MakeFile(Core& core,
                                                           const proto::CreateRequest& request,
                                                           Transaction& transaction) {
  const InodeId parent(request.parent_id());
  const InodeLocks::Guard guard = core.locks.Lock({parent});
  WEFT_ASSIGN_OR_RETURN(InodeRecord directory, ReadLiveDirectory(*core.store, parent));
  WEFT_RETURN_IF_ERROR(MaySearch(transaction.credentials(), directory));
  WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> existing,
                        ReadDentry(*core.store, parent, request.name()));
  if (existing) return std::nullopt;
  WEFT_RETURN_IF_ERROR(MayAddName(transaction.credentials(), directory));
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, NewInode(core, transaction, directory,
                                                    {.type = proto::REGULAR,
                                                     .permissions = request.permissions(),
                                                     .umask = request.umask()}));
  AddName(transaction, &directory, request.name(), &inode);
  transaction.PutNew(inode);
  transaction.PutChanged(&directory);
  proto::CreateReply reply;
  *reply.mutable_attr() = std::move(*inode.mutable_attr());
  reply.set_created(true);
  reply.set_sole_writer(request.for_writing());
  CountedOpen open(core.opens, transaction, InodeId(reply.attr().inode_id()),
                   ModeOf(request.for_writing()));
  WEFT_RETURN_IF_ERROR(open.status());
  WEFT_ASSIGN_OR_RETURN(reply, transaction.Commit(std::move(reply)));
  open.Keep();
  return reply;
}

absl::StatusOr<proto::CreateReply> OpenExisting(Core& core, const proto::CreateRequest& request,
                                                Transaction& transaction, std::string* payload) {
  WEFT_ASSIGN_OR_RETURN(LockedName name, LockName(core, transaction.credentials(),
                                                  InodeId(request.parent_id()), request.name()));
  if (!IsRegular(name.inode) && !IsDirectory(name.inode)) {
    // The client did not know the name. The kernel looks it up again and then treats it rightly.
    return PosixError(ESTALE, "the name exists and is not a regular file");
  }
  return OpenLocked<proto::CreateReply>(
      core, transaction, std::move(name.inode),
      {.for_writing = request.for_writing(), .want = WantOf(request)}, payload);
}

}  // namespace

absl::StatusOr<proto::CreateReply> Create(Core& core, const proto::CreateRequest& request,
                                          Transaction& transaction, std::string* payload) {
  WEFT_RETURN_IF_ERROR(CheckName(request.name()));
  if (IsDotName(request.name())) {
    return PosixError(request.exclusive() ? EEXIST : EISDIR, "a directory");
  }
  for (int i = 0; i < kMaxNameLocks; ++i) {
    WEFT_ASSIGN_OR_RETURN(std::optional<proto::CreateReply> made,
                          MakeFile(core, request, transaction));
    if (made) return *std::move(made);
    if (request.exclusive()) return PosixError(EEXIST, "the name exists");
    absl::StatusOr<proto::CreateReply> opened = OpenExisting(core, request, transaction, payload);
    if (ErrnoOf(opened.status()) != ENOENT) return opened;
  }
  return PosixError(EBUSY, "the name changes all the time");
}

}  // namespace weft::metadata::ops
