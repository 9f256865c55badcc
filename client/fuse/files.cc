// Operations on open files: create, open, read, write, flush, release, fsync, fallocate, lseek,
// copy_file_range.
//
// A file handle of the kernel is a HandleId.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include "client/fuse/adapter.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

constexpr size_t kMaxReplyPieces = IOV_MAX - 1;  // libfuse adds one for its header

// The kernel's __FMODE_EXEC, which it passes on with the flags of an open for execve(2).
constexpr int kOpenForExecution = 0x20;

// Descriptors whose bytes do not go through the kernel's pages. Appends: the kernel cuts a buffered
// write at pages that it has not read, and others could append between the parts of a record.
bool PassesByPages(int flags) { return (flags & (O_DIRECT | O_APPEND)) != 0; }

client::OpenFlags ToOpenFlags(int flags) {
  const int access = flags & O_ACCMODE;
  return {.read = access == O_RDONLY || access == O_RDWR,
          .write = access == O_WRONLY || access == O_RDWR,
          .truncate = (flags & O_TRUNC) != 0,
          .execute = (flags & kOpenForExecution) != 0,
          .no_atime = (flags & O_NOATIME) != 0};
}

void FillFile(const Adapter& adapter, const client::Opened& opened, fuse_file_info* file) {
  file->fh = opened.handle;
  file->keep_cache = opened.keep_cache ? 1 : 0;
  file->direct_io = PassesByPages(file->flags) ? 1 : 0;
  // Closing what only read has nothing to write out or to report; but it gives up fcntl locks.
  file->noflush =
      adapter.locks == LockScope::kLocal && (file->flags & O_ACCMODE) == O_RDONLY ? 1 : 0;
}

// The kernel did not take the reply, because the caller was killed: nobody else closes the handle.
void ReleaseUnwanted(client::Vfs& vfs, client::HandleId handle) {
  const absl::Status status = vfs.Release(handle);
  if (!status.ok()) spdlog::warn("release after an interrupted open: {}", MessageOf(status));
}

void Create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
            fuse_file_info* file) {
  Adapter& adapter = AdapterOf(request);
  const Groups groups = (mode & S_ISGID) != 0 ? Groups::kFresh : Groups::kKept;
  const absl::StatusOr<client::Opened> opened =
      AsCaller(request, groups, [&](const client::Caller& caller) {
        return adapter.vfs.Create(caller, InodeId(parent), name, mode & kPermissionBits,
                                  (file->flags & O_EXCL) != 0, ToOpenFlags(file->flags));
      });
  if (!opened.ok()) return ReplyStatus(request, opened.status());
  FillFile(adapter, *opened, file);
  const fuse_entry_param entry = ToEntry(adapter, opened->attr);
  if (fuse_reply_create(request, &entry, file) == -ENOENT) {
    ReleaseUnwanted(adapter.vfs, opened->handle);
  }
}

void Open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  Adapter& adapter = AdapterOf(request);
  const absl::StatusOr<client::Opened> opened =
      AsCaller(request, [&](const client::Caller& caller) {
        return adapter.vfs.Open(caller, InodeId(inode), ToOpenFlags(file->flags));
      });
  if (!opened.ok()) return ReplyStatus(request, opened.status());
  FillFile(adapter, *opened, file);
  if (fuse_reply_open(request, file) == -ENOENT) ReleaseUnwanted(adapter.vfs, opened->handle);
}

// More pieces than one system call takes: joined.
void ReplyJoined(fuse_req_t request, const client::ReadBytes& bytes) {
  std::vector<char> joined;
  joined.reserve(bytes.size_bytes);
  for (const iovec& piece : bytes.pieces) {
    const char* const start = static_cast<const char*>(piece.iov_base);
    joined.insert(joined.end(), start, start + piece.iov_len);
  }
  fuse_reply_buf(request, joined.data(), joined.size());
}

void Read(fuse_req_t request, fuse_ino_t /*inode*/, size_t size, off_t offset,
          fuse_file_info* file) {
  const absl::StatusOr<client::ReadBytes> bytes =
      AdapterOf(request).vfs.Read(file->fh, static_cast<uint64_t>(offset), size);
  if (!bytes.ok()) return ReplyStatus(request, bytes.status());
  if (bytes->pieces.size() > kMaxReplyPieces) return ReplyJoined(request, *bytes);
  fuse_reply_iov(request, bytes->pieces.data(), static_cast<int>(bytes->pieces.size()));
}

void Write(fuse_req_t request, fuse_ino_t /*inode*/, const char* data, size_t size, off_t offset,
           fuse_file_info* file) {
  // A page of a shared mapping belongs where it lies, whatever the flags of the handle that the
  // kernel picked to write it back. The flags are those of now: F_SETFL changes O_APPEND.
  const bool append = file->writepage == 0 && (file->flags & O_APPEND) != 0;
  client::Vfs& vfs = AdapterOf(request).vfs;
  // For buffered writes the kernel changes the mode, for direct ones it leaves that to us.
  if (PassesByPages(file->flags) && fuse_req_ctx(request)->uid != 0) {
    const absl::Status dropped = AsCaller(
        request, [&](const client::Caller& caller) { return vfs.DropSetId(caller, file->fh); });
    if (!dropped.ok()) return ReplyStatus(request, dropped);
  }
  const absl::Status status = vfs.Write(file->fh, static_cast<uint64_t>(offset),
                                        {reinterpret_cast<const std::byte*>(data), size}, append);
  if (!status.ok()) return ReplyStatus(request, status);
  fuse_reply_write(request, size);
}

void Flush(fuse_req_t request, fuse_ino_t /*inode*/, fuse_file_info* file) {
  const Adapter& adapter = AdapterOf(request);
  const absl::Status status = adapter.vfs.Flush(file->fh);
  if (adapter.locks == LockScope::kCluster) adapter.vfs.CloseLocks(file->fh, file->lock_owner);
  ReplyStatus(request, status);
}

void Release(fuse_req_t request, fuse_ino_t /*inode*/, fuse_file_info* file) {
  ReplyStatus(request, AdapterOf(request).vfs.Release(file->fh));
}

void Fsync(fuse_req_t request, fuse_ino_t /*inode*/, int /*data_only*/, fuse_file_info* file) {
  ReplyStatus(request, AdapterOf(request).vfs.Fsync(file->fh));
}

void Fallocate(fuse_req_t request, fuse_ino_t /*inode*/, int mode, off_t offset, off_t length,
               fuse_file_info* file) {
  ReplyStatus(request,
              AdapterOf(request).vfs.Fallocate(file->fh, mode, static_cast<uint64_t>(offset),
                                               static_cast<uint64_t>(length)));
}

// Only SEEK_DATA and SEEK_HOLE come here.
void Seek(fuse_req_t request, fuse_ino_t /*inode*/, off_t offset, int whence,
          fuse_file_info* file) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  if (offset < 0) {
    fuse_reply_err(request, ENXIO);
    return;
  }
  using SeekFor = client::Vfs::SeekFor;
  const absl::StatusOr<uint64_t> found =
      AdapterOf(request).vfs.Seek(file->fh, whence == SEEK_DATA ? SeekFor::kData : SeekFor::kHole,
                                  static_cast<uint64_t>(offset));
  if (!found.ok()) return ReplyStatus(request, found.status());
  fuse_reply_lseek(request, static_cast<off_t>(*found));
}

void CopyFileRange(fuse_req_t request, fuse_ino_t /*source*/, off_t source_offset,
                   fuse_file_info* source_file, fuse_ino_t /*inode*/, off_t offset,
                   fuse_file_info* file, size_t length, int flags) {
  if (flags != 0 || source_offset < 0 || offset < 0) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  const absl::StatusOr<uint64_t> copied =
      AdapterOf(request).vfs.CopyRange(source_file->fh, static_cast<uint64_t>(source_offset),
                                       file->fh, static_cast<uint64_t>(offset), length);
  if (!copied.ok()) return ReplyStatus(request, copied.status());
  fuse_reply_write(request, *copied);
}

}  // namespace

void AddFileOperations(fuse_lowlevel_ops* operations) {
  operations->create = Create;
  operations->open = Open;
  operations->read = Read;
  operations->write = Write;
  operations->flush = Flush;
  operations->release = Release;
  operations->fsync = Fsync;
  operations->fallocate = Fallocate;
  operations->lseek = Seek;
  operations->copy_file_range = CopyFileRange;
}

}  // namespace weft::fuse
