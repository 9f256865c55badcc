#include <optional>
#include <string_view>
#include <utility>

#include "common/mutex.h"
#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/names.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/quota_borders.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

constexpr int kMaxDepth = 100'000;

// What a rename works on, all locked. A name in one directory: `to_directory` is not used.
struct Renaming {
  InodeRecord from_directory;
  std::optional<InodeRecord> to_directory;
  InodeRecord moved;
  std::optional<InodeRecord> target;

  [[nodiscard]] InodeRecord* to() { return to_directory ? &*to_directory : &from_directory; }
};

absl::Status CheckRequest(const proto::RenameRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckName(request.name()));
  WEFT_RETURN_IF_ERROR(CheckName(request.new_name()));
  if (request.no_replace() && request.exchange()) {
    return PosixError(EINVAL, "RENAME_NOREPLACE and RENAME_EXCHANGE exclude each other");
  }
  if (IsDotName(request.name()) || IsDotName(request.new_name())) {
    return PosixError(EBUSY, "\".\" and \"..\" cannot be renamed");
  }
  return absl::OkStatus();
}

// Is `inode` the directory `top` or somewhere below it? Directories do not move meanwhile.
absl::StatusOr<bool> IsWithin(const Core& core, InodeId inode, InodeId top) {
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    if (inode == top) return true;
    if (inode == kRootInode) return false;
    WEFT_ASSIGN_OR_RETURN(const InodeRecord record, ReadInode(*core.store, inode));
    inode = InodeId(record.attr().parent_id());
  }
  return PosixError(EIO, "the metadata store is damaged: a directory does not lead to the root");
}

// EINVAL where a directory would come to lie in itself.
absl::Status CheckNoLoop(const Core& core, const proto::RenameRequest& request,
                         const Renaming& renaming) {
  if (request.parent_id() == request.new_parent_id()) return absl::OkStatus();
  if (IsDirectory(renaming.moved)) {
    WEFT_ASSIGN_OR_RETURN(const bool is_loop,
                          IsWithin(core, InodeId(request.new_parent_id()), IdOf(renaming.moved)));
    if (is_loop) return PosixError(EINVAL, "a directory cannot be moved into itself");
  }
  if (request.exchange() && IsDirectory(*renaming.target)) {
    WEFT_ASSIGN_OR_RETURN(const bool is_loop,
                          IsWithin(core, InodeId(request.parent_id()), IdOf(*renaming.target)));
    if (is_loop) return PosixError(EINVAL, "a directory cannot be moved into itself");
  }
  return absl::OkStatus();
}

// What the caller may: take the one name away, give the other, and change ".." in a directory that
// gets another parent.
absl::Status CheckPermissions(const proto::Credentials& caller, const proto::RenameRequest& request,
                              Renaming* renaming) {
  const InodeRecord& to = *renaming->to();
  WEFT_RETURN_IF_ERROR(MayRemoveName(caller, renaming->from_directory, renaming->moved));
  WEFT_RETURN_IF_ERROR(renaming->target ? MayRemoveName(caller, to, *renaming->target)
                                        : MayAddName(caller, to));
  if (!renaming->to_directory) return absl::OkStatus();
  if (IsDirectory(renaming->moved)) {
    WEFT_RETURN_IF_ERROR(May(caller, renaming->moved, kWantWrite));
  }
  if (request.exchange() && IsDirectory(*renaming->target)) {
    WEFT_RETURN_IF_ERROR(May(caller, *renaming->target, kWantWrite));
  }
  return absl::OkStatus();
}

// EMLINK where a directory would get too many subdirectories.
absl::Status CheckLinks(const proto::RenameRequest& request, Renaming* renaming) {
  if (!renaming->to_directory) return absl::OkStatus();
  const bool moves = IsDirectory(renaming->moved);
  const bool replaces = renaming->target && IsDirectory(*renaming->target);
  if (moves && !replaces) return CheckSubdirectories(*renaming->to());
  if (request.exchange() && replaces && !moves) {
    return CheckSubdirectories(renaming->from_directory);
  }
  return absl::OkStatus();
}

// May `moved` take the place of `target`?
absl::Status CheckReplace(const InodeRecord& moved, const InodeRecord& target) {
  if (IsDirectory(moved) && !IsDirectory(target)) {
    return PosixError(ENOTDIR, "a directory cannot replace what is none");
  }
  if (!IsDirectory(moved) && IsDirectory(target)) {
    return PosixError(EISDIR, "only a directory can replace a directory");
  }
  if (target.entry_count() > 0) return PosixError(ENOTEMPTY, "the directory is not empty");
  return absl::OkStatus();
}

absl::Status CrossBorders(Core& core, const proto::RenameRequest& request, Transaction& transaction,
                          Renaming* renaming) {
  const InodeRecord& from = renaming->from_directory;
  const InodeRecord& to = *renaming->to();
  WEFT_RETURN_IF_ERROR(MoveOverBorder(core, transaction, from, to, &renaming->moved));
  if (!request.exchange()) return absl::OkStatus();
  return MoveOverBorder(core, transaction, to, from, &*renaming->target);
}

absl::Status Apply(const proto::RenameRequest& request, Transaction& transaction,
                   Renaming* renaming) {
  InodeRecord* const from = &renaming->from_directory;
  InodeRecord* const to = renaming->to();
  RemoveName(transaction, from, request.name(), renaming->moved);
  if (renaming->target) {
    RemoveName(transaction, to, request.new_name(), *renaming->target);
  }
  AddName(transaction, to, request.new_name(), &renaming->moved);
  transaction.PutChanged(&renaming->moved);
  if (request.exchange()) {
    AddName(transaction, from, request.name(), &*renaming->target);
    transaction.PutChanged(&*renaming->target);
  } else if (renaming->target) {
    WEFT_RETURN_IF_ERROR(DropLink(transaction, &*renaming->target));
  }
  transaction.PutChanged(from);
  if (to != from) transaction.PutChanged(to);
  return absl::OkStatus();
}

// With all locks held.
absl::StatusOr<proto::RenameReply> RenameLocked(Core& core, const proto::RenameRequest& request,
                                                const DentryRecord& source,
                                                const std::optional<DentryRecord>& target,
                                                Transaction& transaction) {
  Renaming renaming;
  WEFT_ASSIGN_OR_RETURN(renaming.moved, ReadInode(*core.store, IdOf(source)));
  proto::RenameReply reply;
  if (target && IdOf(*target) == IdOf(source)) {  // two names of one inode: POSIX says do nothing
    *reply.mutable_moved() = std::move(*renaming.moved.mutable_attr());
    return transaction.Commit(std::move(reply));
  }
  WEFT_ASSIGN_OR_RETURN(renaming.from_directory,
                        ReadLiveDirectory(*core.store, InodeId(request.parent_id())));
  if (request.parent_id() != request.new_parent_id()) {
    WEFT_ASSIGN_OR_RETURN(renaming.to_directory,
                          ReadLiveDirectory(*core.store, InodeId(request.new_parent_id())));
  }
  if (target) {
    WEFT_ASSIGN_OR_RETURN(renaming.target, ReadInode(*core.store, IdOf(*target)));
  }
  WEFT_RETURN_IF_ERROR(CheckNoLoop(core, request, renaming));
  WEFT_RETURN_IF_ERROR(CheckPermissions(transaction.credentials(), request, &renaming));
  WEFT_RETURN_IF_ERROR(CheckLinks(request, &renaming));
  if (target && !request.exchange()) {
    WEFT_RETURN_IF_ERROR(CheckReplace(renaming.moved, *renaming.target));
  }
  WEFT_RETURN_IF_ERROR(CrossBorders(core, request, transaction, &renaming));
  WEFT_RETURN_IF_ERROR(Apply(request, transaction, &renaming));
  *reply.mutable_moved() = std::move(*renaming.moved.mutable_attr());
  if (target) *reply.mutable_replaced() = std::move(*renaming.target->mutable_attr());
  return transaction.Commit(std::move(reply));
}

// The two names that a rename is about.
struct Names {
  std::optional<DentryRecord> source;
  std::optional<DentryRecord> target;

  [[nodiscard]] bool IsSameAs(const Names& other) const {
    const auto id = [](const std::optional<DentryRecord>& dentry) {
      return dentry ? IdOf(*dentry) : InodeId();
    };
    return id(source) == id(other.source) && id(target) == id(other.target);
  }
};

absl::StatusOr<Names> ReadNames(const Core& core, const proto::RenameRequest& request) {
  Names names;
  WEFT_ASSIGN_OR_RETURN(names.source,
                        ReadDentry(*core.store, InodeId(request.parent_id()), request.name()));
  WEFT_ASSIGN_OR_RETURN(
      names.target, ReadDentry(*core.store, InodeId(request.new_parent_id()), request.new_name()));
  return names;
}

absl::Status CheckNames(const Core& core, const proto::RenameRequest& request, const Names& names) {
  for (const uint64_t parent : {request.parent_id(), request.new_parent_id()}) {
    WEFT_ASSIGN_OR_RETURN(const InodeRecord directory,
                          ReadLiveDirectory(*core.store, InodeId(parent)));
    WEFT_RETURN_IF_ERROR(MaySearch(request.mutation().credentials(), directory));
  }
  if (!names.source || (request.exchange() && !names.target)) {
    return PosixError(ENOENT, "no such name");
  }
  if (request.no_replace() && names.target) return PosixError(EEXIST, "the new name exists");
  return absl::OkStatus();
}

bool MovesDirectory(const proto::RenameRequest& request, const Names& names) {
  if (request.parent_id() == request.new_parent_id()) return false;
  return names.source->type() == proto::DIRECTORY ||
         (request.exchange() && names.target->type() == proto::DIRECTORY);
}

}  // namespace

absl::StatusOr<proto::RenameReply> Rename(Core& core, const proto::RenameRequest& request,
                                          Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckRequest(request));
  for (int i = 0; i < kMaxNameLocks; ++i) {
    WEFT_ASSIGN_OR_RETURN(const Names before, ReadNames(core, request));
    WEFT_RETURN_IF_ERROR(CheckNames(core, request, before));
    std::optional<MutexLock> moves;
    if (MovesDirectory(request, before)) moves.emplace(&core.directory_moves);
    const InodeLocks::Guard guard =
        core.locks.Lock({InodeId(request.parent_id()), InodeId(request.new_parent_id()),
                         IdOf(*before.source), before.target ? IdOf(*before.target) : InodeId()});
    WEFT_ASSIGN_OR_RETURN(const Names names, ReadNames(core, request));
    if (!names.IsSameAs(before)) continue;
    return RenameLocked(core, request, *names.source, names.target, transaction);
  }
  return PosixError(EBUSY, "the names change all the time");
}

}  // namespace weft::metadata::ops
