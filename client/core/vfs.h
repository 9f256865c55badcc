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
};

// Who makes a call.
struct Caller {
  uint32_t uid = 0;
  uint32_t gid = 0;
};

using HandleId = uint64_t;  // an open file; 0 is none

struct OpenFlags {
  bool read = true;
  bool write = false;
  bool truncate = false;
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

  virtual absl::StatusOr<proto::Attr> Lookup(InodeId parent, std::string_view name) = 0;
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
  virtual absl::StatusOr<DirPage> ReadDir(InodeId directory, std::string_view after_name,
                                          uint32_t max_entries, bool want_attrs) = 0;

  virtual absl::StatusOr<Opened> Create(Caller caller, InodeId parent, std::string_view name,
                                        uint32_t permissions, bool exclusive, OpenFlags flags) = 0;
  virtual absl::StatusOr<Opened> Open(Caller caller, InodeId inode, OpenFlags flags) = 0;
  virtual absl::StatusOr<ReadBytes> Read(HandleId handle, uint64_t offset_bytes,
                                         size_t length_bytes) = 0;
  // Writes all of `data`. `append`: at the end of the file, wherever that is then.
  virtual absl::Status Write(HandleId handle, uint64_t offset_bytes,
                             std::span<const std::byte> data, bool append) = 0;
  // What close(2) does: writes out and reports kept errors. Not a promise of durability.
  virtual absl::Status Flush(HandleId handle) = 0;
  // Durable when it returns OK: data, size and, since the namespace has one log, all earlier
  // metadata.
  virtual absl::Status Fsync(HandleId handle) = 0;
  virtual absl::Status FsyncDirectory() = 0;
  virtual absl::Status Release(HandleId handle) = 0;
  // Punches a hole, or preallocates by extending (space is not reserved). EOPNOTSUPP for the rest.
  virtual absl::Status Fallocate(HandleId handle, int mode, uint64_t offset_bytes,
                                 uint64_t length_bytes) = 0;

  // Of the file system, or what the quotas above an inode leave of it.
  virtual absl::StatusOr<proto::StatFsReply> StatFs(InodeId inode) = 0;
  virtual absl::StatusOr<std::string> GetXattr(InodeId inode, std::string_view name) = 0;
  virtual absl::Status SetXattr(Caller caller, InodeId inode, std::string_view name,
                                std::string_view value, bool create_only, bool replace_only) = 0;
  virtual absl::StatusOr<std::vector<std::string>> ListXattr(InodeId inode) = 0;
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
