// MountedVfs: open files.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "client/core/mounted_vfs.h"
#include "common/status.h"

namespace weft::client {
namespace {

// As bits of a mode.
constexpr uint32_t kRead = 4;
constexpr uint32_t kWrite = 2;
constexpr uint32_t kExecute = 1;

uint32_t AccessOf(OpenFlags flags) {
  uint32_t access = flags.write ? kWrite : 0;
  if (flags.execute) {
    access |= kExecute;
  } else if (flags.read) {
    access |= kRead;
  }
  return access;
}

}  // namespace

namespace {

// What File::SetOwnContent is told after an open for writing.
template <typename Reply>
uint64_t OwnContent(const Reply& reply) {
  return reply.sole_writer() ? reply.attr().content().content_id() : 0;
}

}  // namespace

absl::StatusOr<Opened> MountedVfs::Create(Caller caller, InodeId parent, std::string_view name,
                                          uint32_t permissions, bool exclusive, OpenFlags flags) {
  proto::CreateRequest request;
  request.set_parent_id(parent.value());
  request.set_name(std::string(name));
  request.set_permissions(permissions);
  request.set_exclusive(exclusive);
  request.set_for_writing(flags.write);
  request.set_umask(caller.umask);
  request.set_access(AccessOf(flags));
  std::string bytes;
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.Create(caller, std::move(request), &bytes));
  const auto file = files_.Get(InodeId(reply.attr().inode_id()));
  file->CountOpen(flags.write);
  if (flags.write) file->SetOwnContent(OwnContent(reply));
  file->HearQuota(reply);
  const bool others = file->Adopt(reply.attr(), File::Origin::kServer, bytes);
  if (reply.created()) file->SetNew();
  if (!reply.created() && flags.truncate) {
    // Through the file, which may have something buffered that has to go.
    proto::SetAttrRequest cut;
    cut.set_inode_id(reply.attr().inode_id());
    cut.set_size_bytes(0);
    const auto result = file->SetAttr(caller, cut);
    if (!result.ok()) {
      file->CountClose(flags.write);
      static_cast<void>(CloseInode(*file, flags.write));
      return result.status();
    }
  }
  return AddHandle(file, flags, reply.created(), reply.created() && !others);
}

absl::StatusOr<Opened> MountedVfs::Open(Caller caller, InodeId inode, OpenFlags flags) {
  proto::OpenRequest request;
  request.set_inode_id(inode.value());
  request.set_for_writing(flags.write);
  request.set_truncate(flags.truncate);
  request.set_access(AccessOf(flags));
  const auto file = files_.Get(inode);
  const bool was_known = file->server_attr().inode_id() != 0;
  std::string bytes;
  proto::Attr attr;
  const auto open = [&]() -> absl::StatusOr<proto::Attr> {
    WEFT_ASSIGN_OR_RETURN(auto reply, metadata_.Open(caller, request, &bytes));
    file->CountOpen(flags.write);
    if (flags.write) file->SetOwnContent(OwnContent(reply));
    file->HearQuota(reply);
    attr = reply.attr();
    return attr;
  };
  if (flags.truncate) {
    WEFT_RETURN_IF_ERROR(file->CutToZero(open));
    return AddHandle(file, flags, false, false);
  }
  WEFT_RETURN_IF_ERROR(open().status());
  const bool unchanged =
      was_known ? !file->ChangedByOthers(File::Pages::kKeep) : seen_.IsUnchanged(attr);
  const bool others = file->Adopt(attr, File::Origin::kServer, bytes);
  return AddHandle(file, flags, false, unchanged && !others);
}

Opened MountedVfs::AddHandle(std::shared_ptr<File> file, OpenFlags flags, bool created,
                             bool keep_cache) {
  // Where the pages are not kept none are left that others have changed.
  if (!keep_cache) file->ChangedByOthers(File::Pages::kClear);
  auto handle = std::make_shared<Handle>();
  handle->file = std::move(file);
  handle->flags = flags;
  {
    MutexLock lock(&handle->mutex);
    handle->errors_seen = handle->file->errors().count();
    handle->errors_warned = handle->errors_seen;
  }
  Opened opened;
  opened.attr = handle->file->attr();
  opened.created = created;
  opened.keep_cache = keep_cache;
  MutexLock lock(&mutex_);
  opened.handle = ++last_handle_;
  handles_.emplace(opened.handle, std::move(handle));
  return opened;
}

absl::StatusOr<std::shared_ptr<MountedVfs::Handle>> MountedVfs::FindHandle(HandleId id) const {
  MutexLock lock(&mutex_);
  const auto it = handles_.find(id);
  if (it == handles_.end()) return PosixError(EBADF, "no such handle");
  return it->second;
}

absl::StatusOr<ReadBytes> MountedVfs::Read(HandleId handle, uint64_t offset_bytes,
                                           size_t length_bytes) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  WEFT_RETURN_IF_ERROR(open->CheckLocks());
  if (!open->flags.no_atime) open->file->NoteRead(AtimePolicyOfMount());
  return open->file->Read(&open->stream, offset_bytes, length_bytes);
}

absl::Status MountedVfs::Write(HandleId handle, uint64_t offset_bytes,
                               std::span<const std::byte> data, bool append) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  if (!open->flags.write) return PosixError(EBADF, "the file is not open for writing");
  WEFT_RETURN_IF_ERROR(open->CheckLocks());
  WEFT_RETURN_IF_ERROR(WarnWriter(*open));
  return open->file->Write(offset_bytes, data, append);
}

absl::Status MountedVfs::WarnWriter(Handle& handle) {
  MutexLock lock(&handle.mutex);
  return WriteError(handle.file->errors().Report(&handle.errors_warned));
}

absl::Status MountedVfs::DropSetId(Caller caller, HandleId handle) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  if ((open->file->server_attr().permissions() & (S_ISUID | S_ISGID)) == 0) return absl::OkStatus();
  proto::SetAttrRequest request;
  request.set_inode_id(open->file->inode().value());
  request.set_clear_set_id(true);
  return open->file->SetAttr(caller, request).status();
}

absl::Status MountedVfs::Told(Handle& handle, const absl::Status& result) {
  MutexLock lock(&handle.mutex);
  const absl::Status kept = handle.file->errors().Report(&handle.errors_seen);
  handle.errors_warned = handle.errors_seen;
  return WriteError(kept.ok() ? result : kept);
}

absl::Status MountedVfs::Flush(HandleId handle) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  return Told(*open, open->flags.write ? open->file->Flush() : absl::OkStatus());
}

absl::Status MountedVfs::Fsync(HandleId handle) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  return Told(*open, open->file->Fsync());
}

absl::Status MountedVfs::FsyncDirectory() {
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.Sync());
  durability_.Set(reply.durability_id());
  MutexLock lock(&mutex_);
  if (std::exchange(directories_id_, reply.durability_id()) == reply.durability_id()) {
    return absl::OkStatus();
  }
  return PosixError(EIO, "the metadata-server may have lost changes");
}

absl::Status MountedVfs::Release(HandleId handle) {
  std::shared_ptr<Handle> open;
  {
    MutexLock lock(&mutex_);
    const auto it = handles_.find(handle);
    if (it == handles_.end()) return PosixError(EBADF, "no such handle");
    open = std::move(it->second);
    handles_.erase(it);
  }
  File& file = *open->file;
  const bool for_writing = open->flags.write;
  const absl::Status status = Told(*open, for_writing ? file.Flush() : absl::OkStatus());
  locks_.CloseHandle(handle);  // what was written is where others look for it
  if (!status.ok()) {
    spdlog::error("inode {}: closed with an error: {}", file.inode().value(), MessageOf(status));
  }
  if (file.CountClose(for_writing) == 0) {
    if (!status.ok() && file.GiveUp()) {
      spdlog::error("inode {}: what was not written is lost", file.inode().value());
    }
    // The kernel's pages may have what was lost, too: they must not be kept.
    if (!status.ok() || file.ChangedByOthers(File::Pages::kKeep)) {
      seen_.Forget(file.inode());
    } else {
      seen_.Remember(file.server_attr());
    }
  }
  const absl::Status closed = CloseInode(file, for_writing);
  return status.ok() ? closed : status;
}

absl::Status MountedVfs::CloseInode(File& file, bool for_writing) {
  proto::CloseRequest request;
  request.set_inode_id(file.inode().value());
  request.set_for_writing(for_writing);
  request.set_left_content_id(file.TakeLeftContent());
  request.set_atime_ns(file.TakeAtime());
  return metadata_.Close(std::move(request)).status();
}

absl::Status MountedVfs::Fallocate(HandleId handle, int mode, uint64_t offset_bytes,
                                   uint64_t length_bytes) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  if (!open->flags.write) return PosixError(EBADF, "the file is not open for writing");
  WEFT_RETURN_IF_ERROR(open->CheckLocks());
  return open->file->Fallocate(mode, offset_bytes, length_bytes);
}

absl::StatusOr<uint64_t> MountedVfs::Seek(HandleId handle, SeekFor what, uint64_t offset_bytes) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  return open->file->Seek(what, offset_bytes);
}

absl::StatusOr<uint64_t> MountedVfs::CopyRange(HandleId from, uint64_t from_offset_bytes,
                                               HandleId to, uint64_t to_offset_bytes,
                                               uint64_t length_bytes) {
  WEFT_ASSIGN_OR_RETURN(const auto source, FindHandle(from));
  WEFT_ASSIGN_OR_RETURN(const auto target, FindHandle(to));
  if (!source->flags.read) return PosixError(EBADF, "the source is not open for reading");
  if (!target->flags.write) return PosixError(EBADF, "the file is not open for writing");
  WEFT_RETURN_IF_ERROR(source->CheckLocks());
  WEFT_RETURN_IF_ERROR(target->CheckLocks());
  if (!source->flags.no_atime) source->file->NoteRead(AtimePolicyOfMount());
  return target->file->CopyFrom(*source->file, from_offset_bytes, to_offset_bytes, length_bytes);
}

}  // namespace weft::client
