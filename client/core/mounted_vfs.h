// The Vfs of one mount: wires the parts of client/core together and translates its calls to theirs.
// mount.cc starts and ends it, mounted_names.cc has the calls on names and attributes,
// mounted_files.cc those on open files, mounted_locks.cc those on locks. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/chunk_call.h"
#include "client/core/chunk_io.h"
#include "client/core/durability.h"
#include "client/core/file.h"
#include "client/core/file_table.h"
#include "client/core/flusher.h"
#include "client/core/invalidator.h"
#include "client/core/io_pool.h"
#include "client/core/io_timeout.h"
#include "client/core/lock_client.h"
#include "client/core/map_cache.h"
#include "client/core/memory_budget.h"
#include "client/core/metadata_client.h"
#include "client/core/plain_inodes.h"
#include "client/core/session.h"
#include "client/core/vfs.h"
#include "common/mutex.h"
#include "common/status.h"
#include "common/wire/channel.h"

namespace weft::client {

class MountedVfs final : public Vfs {
 public:
  explicit MountedVfs(VfsOptions options);
  ~MountedVfs() override;

  // Opens the session and fetches the map. Once, before all else.
  absl::Status Start();

  absl::Status Close() override;

  absl::StatusOr<proto::Attr> Lookup(Caller caller, InodeId parent, std::string_view name) override;
  absl::StatusOr<proto::Attr> GetAttr(InodeId inode) override;
  absl::StatusOr<proto::Attr> SetAttr(Caller caller, InodeId inode,
                                      const AttrChanges& changes) override;
  absl::StatusOr<proto::Attr> MakeNode(Caller caller, InodeId parent, std::string_view name,
                                       proto::FileType type, uint32_t permissions, uint32_t rdev,
                                       std::string_view symlink_target) override;
  absl::StatusOr<proto::Attr> Link(Caller caller, InodeId inode, InodeId new_parent,
                                   std::string_view new_name) override;
  absl::Status Unlink(Caller caller, InodeId parent, std::string_view name) override;
  absl::Status Rmdir(Caller caller, InodeId parent, std::string_view name) override;
  absl::Status Rename(Caller caller, InodeId parent, std::string_view name, InodeId new_parent,
                      std::string_view new_name, bool no_replace, bool exchange) override;
  absl::StatusOr<std::string> ReadLink(InodeId inode) override;
  absl::StatusOr<DirPage> ReadDir(Caller caller, InodeId directory, std::string_view after_name,
                                  uint32_t max_entries, bool want_attrs) override;

  absl::StatusOr<Opened> Create(Caller caller, InodeId parent, std::string_view name,
                                uint32_t permissions, bool exclusive, OpenFlags flags) override;
  absl::StatusOr<Opened> Open(Caller caller, InodeId inode, OpenFlags flags) override;
  absl::StatusOr<ReadBytes> Read(HandleId handle, uint64_t offset_bytes,
                                 size_t length_bytes) override;
  absl::Status Write(HandleId handle, uint64_t offset_bytes, std::span<const std::byte> data,
                     bool append) override;
  absl::Status DropSetId(Caller caller, HandleId handle) override;
  absl::Status Flush(HandleId handle) override;
  absl::Status Fsync(HandleId handle) override;
  absl::Status FsyncDirectory() override;
  absl::Status Release(HandleId handle) override;
  absl::StatusOr<uint64_t> Seek(HandleId handle, SeekFor what, uint64_t offset_bytes) override;
  absl::StatusOr<uint64_t> CopyRange(HandleId from, uint64_t from_offset_bytes, HandleId to,
                                     uint64_t to_offset_bytes, uint64_t length_bytes) override;
  absl::Status Fallocate(HandleId handle, int mode, uint64_t offset_bytes,
                         uint64_t length_bytes) override;

  absl::StatusOr<proto::FileLock> GetLock(HandleId handle, proto::FileLock lock) override;
  uint64_t SetLock(HandleId handle, proto::FileLock lock, LockWait wait, LockDone done) override;
  void InterruptLock(uint64_t number) override;
  void CloseLocks(HandleId handle, uint64_t owner) override;

  absl::StatusOr<proto::StatFsReply> StatFs(InodeId inode) override;
  absl::StatusOr<std::string> GetXattr(Caller caller, InodeId inode,
                                       std::string_view name) override;
  absl::Status SetXattr(Caller caller, InodeId inode, std::string_view name, std::string_view value,
                        bool create_only, bool replace_only) override;
  absl::StatusOr<std::vector<std::string>> ListXattr(Caller caller, InodeId inode) override;
  absl::Status RemoveXattr(Caller caller, InodeId inode, std::string_view name) override;

  absl::StatusOr<proto::Layout> GetLayout(InodeId inode) override;
  absl::Status SetLayout(Caller caller, InodeId inode, const proto::Layout& layout) override;
  absl::StatusOr<std::string> GetPath(InodeId inode) override;
  absl::StatusOr<std::vector<proto::Quota>> GetQuotas(InodeId inode) override;
  absl::Status SetQuota(Caller caller, InodeId directory, const QuotaLimits& limits) override;
  absl::Status RemoveQuota(Caller caller, InodeId directory) override;
  absl::StatusOr<proto::ListQuotasReply> ListQuotas(InodeId directory, InodeId after) override;
  absl::StatusOr<std::vector<ChunkPlace>> Locate(InodeId inode, uint32_t first,
                                                 uint32_t count) override;
  void OnInvalidate(std::function<void(InodeId inode)> callback) override;

 private:
  // An open file.
  struct Handle {
    std::shared_ptr<File> file;
    OpenFlags flags;
    StreamDetector stream;
    Mutex mutex;
    uint64_t errors_seen WEFT_GUARDED_BY(mutex) = 0;
    uint64_t errors_warned WEFT_GUARDED_BY(mutex) = 0;  // told by Write, and still to be told
    std::atomic<bool> lock_is_lost = false;             // one that was taken through this handle

    // EIO: the bytes are not the caller's alone any more, as it thinks.
    [[nodiscard]] absl::Status CheckLocks() const {
      if (!lock_is_lost) return absl::OkStatus();
      return PosixError(EIO, "a lock on the file was lost with the session");
    }
  };

  [[nodiscard]] wire::Identity MakeIdentity();
  [[nodiscard]] Session::Hooks MakeHooks();
  [[nodiscard]] std::string cluster_id() const WEFT_EXCLUDES(mutex_);
  // Asks for the map, behind the caller, if it is older than `epoch`.
  void WantMap(MapEpoch epoch);

  // Who may only read leaves no access times.
  [[nodiscard]] proto::AtimePolicy AtimePolicyOfMount() const {
    return options_.read_only ? proto::NO_ATIME : options_.atime;
  }
  // What the server need not be asked for, because the inode has no extended attributes at all.
  bool IsKnownPlain(InodeId inode);
  // What is told of an attribute that the server sent.
  proto::Attr Merge(const proto::Attr& attr, File::Origin origin);
  Opened AddHandle(std::shared_ptr<File> file, OpenFlags flags, bool created, bool keep_cache)
      WEFT_EXCLUDES(mutex_);
  absl::StatusOr<std::shared_ptr<Handle>> FindHandle(HandleId id) const WEFT_EXCLUDES(mutex_);
  // The result of a flush or fsync for one handle: a kept error that it was not told yet goes
  // first.
  // An error that was kept and that writes were not told: each once. It is told again by Fsync and
  // so on: the kernel may answer a write of several requests with what the first ones wrote.
  static absl::Status WarnWriter(Handle& handle);
  absl::Status Told(Handle& handle, const absl::Status& result);
  absl::Status CloseInode(File& file, bool for_writing);
  // A lock was set: lets the file be seen as it is now, and then calls `done`.
  void LockTaken(HandleId handle, LockDone done);
  void LocksLost(const std::vector<HandleId>& handles) WEFT_EXCLUDES(mutex_);

  const VfsOptions options_;
  const std::string uuid_;
  IoTimeout timeout_;
  bool closed_ = false;

  mutable Mutex mutex_;
  std::string cluster_id_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<HandleId, std::shared_ptr<Handle>> handles_ WEFT_GUARDED_BY(mutex_);
  HandleId last_handle_ WEFT_GUARDED_BY(mutex_) = 0;
  std::string directories_id_ WEFT_GUARDED_BY(mutex_);  // durability id, of FsyncDirectory

  // In the order in which they are built; they end in the opposite one.
  MemoryBudget write_budget_;
  const std::shared_ptr<MemoryBudget> read_budget_;
  const std::unique_ptr<wire::Channel> metadata_channel_;
  wire::ChannelPool storage_channels_;
  MetadataDurability durability_;
  MetadataClient metadata_;
  MapCache maps_;
  ChunkCallRunner calls_;
  ChunkIo chunk_io_;
  FileMount file_mount_;
  FileTable files_;
  SeenFiles seen_;
  PlainInodes plain_;
  Invalidator invalidator_;
  LockClient locks_;
  std::unique_ptr<IoPool> pool_;
  std::unique_ptr<Flusher> flusher_;
  std::unique_ptr<Session> session_;
};

}  // namespace weft::client
