// A Vfs in memory, for tests of the adapter: semantics of a small file system, no servers.
//
// Content is one string per file; nothing is buffered. Thread-safe by one lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/core/vfs.h"
#include "common/mutex.h"

namespace weft::fuse {

class MemoryVfs final : public client::Vfs {
 public:
  MemoryVfs();
  ~MemoryVfs() override;

  absl::StatusOr<proto::Attr> Lookup(client::Caller caller, InodeId parent,
                                     std::string_view name) override;
  absl::StatusOr<proto::Attr> GetAttr(InodeId inode) override;
  absl::StatusOr<proto::Attr> SetAttr(client::Caller caller, InodeId inode,
                                      const client::AttrChanges& changes) override;
  absl::StatusOr<proto::Attr> MakeNode(client::Caller caller, InodeId parent, std::string_view name,
                                       proto::FileType type, uint32_t permissions, uint32_t rdev,
                                       std::string_view symlink_target) override;
  absl::StatusOr<proto::Attr> Link(client::Caller caller, InodeId inode, InodeId new_parent,
                                   std::string_view new_name) override;
  absl::Status Unlink(client::Caller caller, InodeId parent, std::string_view name) override;
  absl::Status Rmdir(client::Caller caller, InodeId parent, std::string_view name) override;
  absl::Status Rename(client::Caller caller, InodeId parent, std::string_view name,
                      InodeId new_parent, std::string_view new_name, bool no_replace,
                      bool exchange) override;
  absl::StatusOr<std::string> ReadLink(InodeId inode) override;
  absl::StatusOr<client::DirPage> ReadDir(client::Caller caller, InodeId directory,
                                          std::string_view after_name, uint32_t max_entries,
                                          bool want_attrs) override;

  absl::StatusOr<client::Opened> Create(client::Caller caller, InodeId parent,
                                        std::string_view name, uint32_t permissions, bool exclusive,
                                        client::OpenFlags flags) override;
  absl::StatusOr<client::Opened> Open(client::Caller caller, InodeId inode,
                                      client::OpenFlags flags) override;
  absl::StatusOr<client::ReadBytes> Read(client::HandleId handle, uint64_t offset_bytes,
                                         size_t length_bytes) override;
  absl::Status Write(client::HandleId handle, uint64_t offset_bytes,
                     std::span<const std::byte> data, bool append) override;
  absl::Status DropSetId(client::Caller caller, client::HandleId handle) override;
  absl::Status Flush(client::HandleId handle) override;
  absl::Status Fsync(client::HandleId handle) override;
  absl::Status FsyncDirectory() override;
  absl::Status Release(client::HandleId handle) override;
  absl::StatusOr<uint64_t> Seek(client::HandleId handle, SeekFor what,
                                uint64_t offset_bytes) override;
  absl::StatusOr<uint64_t> CopyRange(client::HandleId from, uint64_t from_offset_bytes,
                                     client::HandleId to, uint64_t to_offset_bytes,
                                     uint64_t length_bytes) override;
  absl::Status Fallocate(client::HandleId handle, int mode, uint64_t offset_bytes,
                         uint64_t length_bytes) override;

  absl::StatusOr<proto::FileLock> GetLock(client::HandleId handle, proto::FileLock lock) override;
  uint64_t SetLock(client::HandleId handle, proto::FileLock lock, client::LockWait wait,
                   client::LockDone done) override;
  void InterruptLock(uint64_t number) override;
  void CloseLocks(client::HandleId handle, uint64_t owner) override;

  absl::StatusOr<proto::StatFsReply> StatFs(InodeId inode) override;
  absl::StatusOr<std::string> GetXattr(client::Caller caller, InodeId inode,
                                       std::string_view name) override;
  absl::Status SetXattr(client::Caller caller, InodeId inode, std::string_view name,
                        std::string_view value, bool create_only, bool replace_only) override;
  absl::StatusOr<std::vector<std::string>> ListXattr(client::Caller caller, InodeId inode) override;
  absl::Status RemoveXattr(client::Caller caller, InodeId inode, std::string_view name) override;

  absl::StatusOr<proto::Layout> GetLayout(InodeId inode) override;
  absl::Status SetLayout(client::Caller caller, InodeId inode,
                         const proto::Layout& layout) override;
  absl::StatusOr<std::string> GetPath(InodeId inode) override;
  absl::StatusOr<std::vector<proto::Quota>> GetQuotas(InodeId inode) override;
  absl::Status SetQuota(client::Caller caller, InodeId directory,
                        const client::QuotaLimits& limits) override;
  absl::Status RemoveQuota(client::Caller caller, InodeId directory) override;
  absl::StatusOr<proto::ListQuotasReply> ListQuotas(InodeId directory, InodeId after) override;
  absl::StatusOr<std::vector<client::ChunkPlace>> Locate(InodeId inode, uint32_t first,
                                                         uint32_t count) override;
  void OnInvalidate(std::function<void(InodeId inode)> callback) override;

  // Locate tells of so many chunks, whatever the size of the file.
  void SetChunks(uint32_t chunks) { chunks_ = chunks; }
  // Locks that somebody waits for.
  [[nodiscard]] size_t lock_waits();
  // Handles that are open.
  [[nodiscard]] size_t open_handles();
  // ReadDir calls so far.
  [[nodiscard]] uint64_t directory_reads() const { return directory_reads_; }
  // Changes a file as another mount would, and tells the kernel.
  void WriteFromElsewhere(InodeId inode, std::string_view content);

 private:
  struct Node {
    proto::Attr attr;
    std::string bytes;  // content, or target of a symlink
    std::map<std::string, InodeId, std::less<>> entries;
    std::map<std::string, std::string, std::less<>> xattrs;
    uint32_t opens = 0;
  };
  using NodePtr = std::shared_ptr<Node>;

  // -- memory_locks.cc
  struct Lock {
    client::HandleId handle = 0;
    proto::FileLock lock;
  };
  struct Wait {
    Lock wanted;
    client::LockDone done;
    bool interrupted = false;
  };
  [[nodiscard]] const Lock* FindConflict(const proto::FileLock& lock) WEFT_REQUIRES(mutex_);
  void TakeLock(const Lock& lock) WEFT_REQUIRES(mutex_);
  void RunWaits() WEFT_EXCLUDES(mutex_);

  absl::StatusOr<NodePtr> Find(InodeId inode) WEFT_REQUIRES(mutex_);
  absl::StatusOr<NodePtr> FindEntry(InodeId parent, std::string_view name) WEFT_REQUIRES(mutex_);
  absl::StatusOr<NodePtr> FindHandle(client::HandleId handle) WEFT_REQUIRES(mutex_);
  absl::StatusOr<NodePtr> Make(client::Caller caller, InodeId parent, std::string_view name,
                               proto::FileType type, uint32_t permissions) WEFT_REQUIRES(mutex_);
  client::Opened OpenNode(const NodePtr& node, client::OpenFlags flags) WEFT_REQUIRES(mutex_);
  absl::Status Remove(InodeId parent, std::string_view name, bool directory) WEFT_REQUIRES(mutex_);
  void DropName(const NodePtr& node) WEFT_REQUIRES(mutex_);
  void SetSize(Node& node, uint64_t size_bytes) WEFT_REQUIRES(mutex_);

  std::atomic<uint64_t> directory_reads_ = 0;
  std::atomic<uint32_t> chunks_ = 0;
  std::function<void(InodeId)> invalidate_;

  Mutex mutex_;
  std::map<InodeId, NodePtr> nodes_ WEFT_GUARDED_BY(mutex_);
  std::map<client::HandleId, NodePtr> handles_ WEFT_GUARDED_BY(mutex_);
  uint64_t next_inode_ WEFT_GUARDED_BY(mutex_) = kRootInode.value() + 1;
  client::HandleId next_handle_ WEFT_GUARDED_BY(mutex_) = 1;
  int64_t now_ns_ WEFT_GUARDED_BY(mutex_) = 1'700'000'000'000'000'000;
  proto::Layout layout_ WEFT_GUARDED_BY(mutex_);
  std::map<InodeId, proto::Quota> quotas_ WEFT_GUARDED_BY(mutex_);
  std::vector<Lock> locks_ WEFT_GUARDED_BY(mutex_);
  std::map<uint64_t, Wait> waits_ WEFT_GUARDED_BY(mutex_);
  uint64_t last_wait_ WEFT_GUARDED_BY(mutex_) = 0;
  CondVar locks_changed_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  std::thread waits_thread_{[this] { RunWaits(); }};  // last: it uses all of the above
};

}  // namespace weft::fuse
