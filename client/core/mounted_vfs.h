// The Vfs of one mount: wires the parts of client/core together and translates its calls to theirs.
// mount.cc starts and ends it, mounted_names.cc has the calls on names and attributes,
// mounted_files.cc those on open files. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

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
#include "client/core/map_cache.h"
#include "client/core/memory_budget.h"
#include "client/core/metadata_client.h"
#include "client/core/session.h"
#include "client/core/vfs.h"
#include "common/mutex.h"
#include "common/wire/channel.h"

namespace weft::client {

class MountedVfs final : public Vfs {
 public:
  explicit MountedVfs(VfsOptions options);
  ~MountedVfs() override;

  // Opens the session and fetches the map. Once, before all else.
  absl::Status Start();

  absl::Status Close() override;

  absl::StatusOr<proto::Attr> Lookup(InodeId parent, std::string_view name) override;
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
  absl::StatusOr<DirPage> ReadDir(InodeId directory, std::string_view after_name,
                                  uint32_t max_entries, bool want_attrs) override;

  absl::StatusOr<Opened> Create(Caller caller, InodeId parent, std::string_view name,
                                uint32_t permissions, bool exclusive, OpenFlags flags) override;
  absl::StatusOr<Opened> Open(Caller caller, InodeId inode, OpenFlags flags) override;
  absl::StatusOr<ReadBytes> Read(HandleId handle, uint64_t offset_bytes,
                                 size_t length_bytes) override;
  absl::Status Write(HandleId handle, uint64_t offset_bytes, std::span<const std::byte> data,
                     bool append) override;
  absl::Status Flush(HandleId handle) override;
  absl::Status Fsync(HandleId handle) override;
  absl::Status FsyncDirectory() override;
  absl::Status Release(HandleId handle) override;
  absl::Status Fallocate(HandleId handle, int mode, uint64_t offset_bytes,
                         uint64_t length_bytes) override;

  absl::StatusOr<proto::StatFsReply> StatFs(InodeId inode) override;
  absl::StatusOr<std::string> GetXattr(InodeId inode, std::string_view name) override;
  absl::Status SetXattr(Caller caller, InodeId inode, std::string_view name, std::string_view value,
                        bool create_only, bool replace_only) override;
  absl::StatusOr<std::vector<std::string>> ListXattr(InodeId inode) override;
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
  };

  [[nodiscard]] wire::Identity MakeIdentity();
  [[nodiscard]] Session::Hooks MakeHooks();
  [[nodiscard]] std::string cluster_id() const WEFT_EXCLUDES(mutex_);
  // Asks for the map, behind the caller, if it is older than `epoch`.
  void WantMap(MapEpoch epoch);

  // What is told of an attribute that the server sent.
  proto::Attr Merge(const proto::Attr& attr, File::Origin origin);
  Opened AddHandle(std::shared_ptr<File> file, OpenFlags flags, bool created, bool keep_cache)
      WEFT_EXCLUDES(mutex_);
  absl::StatusOr<std::shared_ptr<Handle>> FindHandle(HandleId id) const WEFT_EXCLUDES(mutex_);
  // The result of a flush or fsync for one handle: a kept error that it was not told yet goes
  // first.
  absl::Status Told(Handle& handle, const absl::Status& result);
  absl::Status CloseInode(const File& file, bool for_writing);

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
  Invalidator invalidator_;
  std::unique_ptr<IoPool> pool_;
  std::unique_ptr<Flusher> flusher_;
  std::unique_ptr<Session> session_;
};

}  // namespace weft::client
