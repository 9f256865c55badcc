// libweft: the file system as a library. POSIX semantics, striping, buffering; knows nothing of
// libfuse.
//
// Inodes are named by their ids; there are no paths. Writes are buffered per file with bounded
// memory and go out to all storage nodes in parallel; an error of a buffered write is kept and
// reported once by the next Fsync, Flush or Release of each handle that was open then. Calls to a
// server that is away wait and go on when it is back; after Options::io_timeout they fail with EIO.
// Errors are PosixErrors. Thread-safe.
#pragma once

#include <absl/status/statusor.h>
#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "proto/metadata.pb.h"
#include "proto/types.pb.h"

namespace weft::client {

struct VfsOptions {
  std::string server;       // host:port of the metadata-server's wire
  std::string mount_point;  // for people
  std::chrono::milliseconds io_timeout{60'000};
  std::chrono::milliseconds connect_timeout{10'000};      // of Mount
  uint64_t write_buffer_bytes = uint64_t{256} << 20;      // dirty and in flight, the whole mount
  uint64_t file_write_buffer_bytes = uint64_t{64} << 20;  // the same, one file
  uint64_t read_ahead_bytes = uint64_t{16} << 20;         // one sequential stream; 0 turns it off
  uint64_t read_cache_bytes = uint64_t{128}
                              << 20;  // read ahead and not yet asked for, the whole mount
  uint32_t io_threads = 16;           // for flushing and reading ahead
  // The server refuses every change of this mount.
  bool read_only = false;
  // How reading changes access times, and whether it does so of directories.
  proto::AtimePolicy atime = proto::RELATIVE_ATIME;
  bool directory_atime = true;
};

// Who makes a call. The metadata-server checks what he may.
struct Caller {
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t umask = 0;  // for what he creates
  // Supplementary groups, at most kMaxCallerGroups; null: none, or not known.
  std::shared_ptr<const std::vector<uint32_t>> groups;
};

// Told when a lock was set, or why not. See Vfs::SetLock.
using LockDone = std::function<void(const absl::Status& status)>;
enum class LockWait { kNo, kYes };

using HandleId = uint64_t;  // an open file; 0 is none

struct OpenFlags {
  bool read = true;
  bool write = false;
  bool truncate = false;
  bool execute = false;   // execve(2): needs permission to execute, not to read
  bool no_atime = false;  // O_NOATIME
};

struct Opened {
  HandleId handle = 0;
  proto::Attr attr;
  bool created = false;
  bool keep_cache =
      false;  // nothing changed since this mount last had it open: cached pages are good
};

struct AttrChanges {
  std::optional<uint32_t> permissions, uid, gid;
  std::optional<uint64_t> size_bytes;
  std::optional<int64_t> atime_ns, mtime_ns;
  bool atime_now = false, mtime_now = false;
  bool clear_set_id = false;
  bool by_open_file = false;  // the size, through a descriptor that is open for writing
};

// Bytes of a file: pieces of memory that stay valid while this lives. Shorter than asked only at
// the end.
struct ReadBytes {
  std::vector<iovec> pieces;
  size_t size_bytes = 0;
  std::shared_ptr<void> owner;
};

struct DirPage {
  std::vector<proto::DirEntry> entries;  // without "." and ".."
  bool at_end = false;
  InodeId parent;
};

// Of a directory tree; what is absent stays as it is, 0 is no limit.
struct QuotaLimits {
  std::optional<uint64_t> bytes, inodes;
};

// Where one chunk lies, for `weft info`.
struct ChunkPlace {
  uint32_t chunk = 0;
  uint32_t group = 0;
  TargetId target;
  std::string node_name;
  bool exists = false;
  uint64_t version = 0;
  uint32_t length_bytes = 0;
  uint32_t used_bytes = 0;
};

class Vfs {
 public:
  // Opens a session. The server cannot be reached within connect_timeout: an error that names it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Vfs>> Mount(VfsOptions options);
  // Does what Close does where that has not been called, and logs what was lost.
  virtual ~Vfs() = default;

  // Writes out what is dirty, for up to io_timeout, and closes the session. The error says what was
  // lost. The last call, once.
  [[nodiscard]] virtual absl::Status Close() { return absl::OkStatus(); }

  virtual absl::StatusOr<proto::Attr> Lookup(Caller caller, InodeId parent,
                                             std::string_view name) = 0;
  // Size and times include what this mount has buffered.
  virtual absl::StatusOr<proto::Attr> GetAttr(InodeId inode) = 0;
  virtual absl::StatusOr<proto::Attr> SetAttr(Caller caller, InodeId inode,
                                              const AttrChanges& changes) = 0;
  virtual absl::StatusOr<proto::Attr> MakeNode(Caller caller, InodeId parent, std::string_view name,
                                               proto::FileType type, uint32_t permissions,
                                               uint32_t rdev, std::string_view symlink_target) = 0;
  virtual absl::StatusOr<proto::Attr> Link(Caller caller, InodeId inode, InodeId new_parent,
                                           std::string_view new_name) = 0;
  virtual absl::Status Unlink(Caller caller, InodeId parent, std::string_view name) = 0;
  virtual absl::Status Rmdir(Caller caller, InodeId parent, std::string_view name) = 0;
  virtual absl::Status Rename(Caller caller, InodeId parent, std::string_view name,
                              InodeId new_parent, std::string_view new_name, bool no_replace,
                              bool exchange) = 0;
  virtual absl::StatusOr<std::string> ReadLink(InodeId inode) = 0;
  virtual absl::StatusOr<DirPage> ReadDir(Caller caller, InodeId directory,
                                          std::string_view after_name, uint32_t max_entries,
                                          bool want_attrs) = 0;

  virtual absl::StatusOr<Opened> Create(Caller caller, InodeId parent, std::string_view name,
                                        uint32_t permissions, bool exclusive, OpenFlags flags) = 0;
  virtual absl::StatusOr<Opened> Open(Caller caller, InodeId inode, OpenFlags flags) = 0;
  virtual absl::StatusOr<ReadBytes> Read(HandleId handle, uint64_t offset_bytes,
                                         size_t length_bytes) = 0;
  // Writes all of `data`. `append`: at the end of the file, wherever that is then. An error that
  // earlier writes have left is told here, once, and nothing of `data` is written; it is told again
  // as above.
  virtual absl::Status Write(HandleId handle, uint64_t offset_bytes,
                             std::span<const std::byte> data, bool append) = 0;
  // A write that the kernel does not drop the set-id bits for, as a direct one: drops those that
  // the caller's write has to, where the file has any.
  virtual absl::Status DropSetId(Caller caller, HandleId handle) = 0;
  // What close(2) does: writes out and reports kept errors. Not a promise of durability.
  virtual absl::Status Flush(HandleId handle) = 0;
  // Durable when it returns OK: data, size and, since the namespace has one log, all earlier
  // metadata.
  virtual absl::Status Fsync(HandleId handle) = 0;
  virtual absl::Status FsyncDirectory() = 0;
  virtual absl::Status Release(HandleId handle) = 0;
  // FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE, or 0, each with and without FALLOC_FL_KEEP_SIZE as
  // fallocate(2) allows. Space is not reserved, but ENOSPC says that there is not enough now.
  // EOPNOTSUPP for the rest.
  virtual absl::Status Fallocate(HandleId handle, int mode, uint64_t offset_bytes,
                                 uint64_t length_bytes) = 0;

  // Where the next data, or the next hole, at or after the offset begins; the end of the file is a
  // hole. ENXIO: the offset is at or behind the end, or no data is left.
  enum class SeekFor { kData, kHole };
  virtual absl::StatusOr<uint64_t> Seek(HandleId handle, SeekFor what, uint64_t offset_bytes) = 0;
  // Copies bytes between two files, or two places of one that do not overlap; holes stay holes.
  // What lies in chunks goes from storage-server to storage-server. Returns the bytes copied: fewer
  // than asked at the end of the source, and where much is asked for at once.
  virtual absl::StatusOr<uint64_t> CopyRange(HandleId from, uint64_t from_offset_bytes, HandleId to,
                                             uint64_t to_offset_bytes, uint64_t length_bytes) = 0;

  // ---- Locks: flock(2), and fcntl(2) by ranges. They hold on all mounts; docs/posix.md says more.
  // `lock.inode_id` is that of the handle, whatever it says. Release gives up what was locked
  // through the handle and is still held. A lock that is in the way of this one, or one of type
  // NO_LOCK. Its pid is 0 where the holder is on another mount.
  virtual absl::StatusOr<proto::FileLock> GetLock(HandleId handle, proto::FileLock lock) = 0;
  // Sets a lock, or gives up (NO_LOCK). What other mounts wrote before they gave up a lock is
  // seen once it is set; what was written here is seen elsewhere once it is given up. Where others
  // are in the way: EAGAIN, or with kYes it waits, and costs no thread meanwhile. `done` is called
  // exactly once, on any thread, maybe before this returns, and must not block. EDEADLK, ENOLCK,
  // EINTR as fcntl(2) says. EIO: the state of the lock is not known; closing gives it up for sure.
  // Returns a number for InterruptLock; 0: there is nothing to interrupt.
  virtual uint64_t SetLock(HandleId handle, proto::FileLock lock, LockWait wait, LockDone done) = 0;
  // Ends a wait with EINTR, unless it is granted first. Does not block; `done` comes later, from
  // another thread.
  virtual void InterruptLock(uint64_t number) = 0;
  // The owner has closed a descriptor of the file: all its fcntl locks there go.
  virtual void CloseLocks(HandleId handle, uint64_t owner) = 0;

  // Of the file system, or what the quotas above an inode leave of it.
  virtual absl::StatusOr<proto::StatFsReply> StatFs(InodeId inode) = 0;
  virtual absl::StatusOr<std::string> GetXattr(Caller caller, InodeId inode,
                                               std::string_view name) = 0;
  virtual absl::Status SetXattr(Caller caller, InodeId inode, std::string_view name,
                                std::string_view value, bool create_only, bool replace_only) = 0;
  virtual absl::StatusOr<std::vector<std::string>> ListXattr(Caller caller, InodeId inode) = 0;
  virtual absl::Status RemoveXattr(Caller caller, InodeId inode, std::string_view name) = 0;

  virtual absl::StatusOr<proto::Layout> GetLayout(InodeId inode) = 0;
  virtual absl::Status SetLayout(Caller caller, InodeId inode, const proto::Layout& layout) = 0;
  virtual absl::StatusOr<std::string> GetPath(InodeId inode) = 0;

  // See proto/metadata.proto. Only root may change quotas (EPERM).
  virtual absl::StatusOr<std::vector<proto::Quota>> GetQuotas(InodeId inode) = 0;
  virtual absl::Status SetQuota(Caller caller, InodeId directory, const QuotaLimits& limits) = 0;
  virtual absl::Status RemoveQuota(Caller caller, InodeId directory) = 0;
  virtual absl::StatusOr<proto::ListQuotasReply> ListQuotas(InodeId directory, InodeId after) = 0;
  // Where chunks [first, first + count) of a file lie, at most to its end.
  virtual absl::StatusOr<std::vector<ChunkPlace>> Locate(InodeId inode, uint32_t first,
                                                         uint32_t count) = 0;

  // Called where cached pages or attributes of an inode are stale in the kernel (its data changed
  // elsewhere, or it was truncated). Called on a thread of its own, never from inside a call above.
  // Set once, before use.
  virtual void OnInvalidate(std::function<void(InodeId inode)> callback) = 0;
};

}  // namespace weft::client
