// One regular file, as all its handles on this mount share it: its attributes with what this mount
// has written laid over them, its inline content or its write buffer, what was read ahead of its
// readers, and the errors that its handles have to be told.
//
// The file starts inline. What is written is gathered in memory: for an inline file the changed
// ranges, else slabs in the write buffer. A file that grows past its inline bound is moved to
// chunks: from then on its bytes go through the write buffer, and the next commit tells the server
// to forget the inline ones ("moving", until the server has). Changes made by other mounts are
// noticed when the server is asked, at every open and otherwise about once a second (leases come
// later); where somebody replaced the content, what is still buffered here goes to the new one.
//
// Several mounts may move one file to chunks at the same time. Each writes chunks of a content id
// of its own (BeginMove), but for the sole writer, who may use the file's. The first commit wins;
// who loses lays what its applications have written over what is there then.
//
// Locks, in this order: gate_ (writers share it; cutting, moving and appending are alone), turn_
// (one talk with the metadata-server that changes the file, at a time), syncing_ (one sync of the
// storage-servers), beginning_ (one BeginMove), mutex_ (never across a call to a server), then
// those of the parts. Adopt may come from anywhere, with none of the first four: under mutex_ alone
// it also changes what is in buffer_, so that no attributes are seen with the buffer of others.
// Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/durability.h"
#include "client/core/gate.h"
#include "client/core/inline_content.h"
#include "client/core/kept_errors.h"
#include "client/core/metadata_client.h"
#include "client/core/quota_allowance.h"
#include "client/core/read_ahead.h"
#include "client/core/stream_detector.h"
#include "client/core/vfs.h"
#include "client/core/write_buffer.h"
#include "common/ids.h"
#include "common/mutex.h"

namespace weft::client {

class File;

// What all files of a mount share. All must outlive them.
struct FileMount {
  MetadataClient* metadata = nullptr;
  ChunkIo* io = nullptr;
  IoPool* pool = nullptr;
  MetadataDurability* durability = nullptr;
  const IoTimeout* timeout = nullptr;
  WriteBufferMount buffers;
  std::shared_ptr<MemoryBudget> read_budget;
  uint64_t read_ahead_bytes = 0;
  // The file has something for Tick to do; it is called, about four times a second, until it says
  // that there is nothing more.
  std::function<void(std::shared_ptr<File>)> watch;
  std::function<void(InodeId)> invalidate;  // the kernel's pages are stale
  std::function<void(InodeId)> gone;        // the object of this inode ends
};

class File final : public WriteBuffer::Owner, public std::enable_shared_from_this<File> {
 public:
  File(const FileMount* mount, InodeId inode);
  ~File() override;

  [[nodiscard]] InodeId inode() const { return inode_; }
  [[nodiscard]] KeptErrors& errors() { return errors_; }

  // -- file.cc: attributes, opens
  enum class Origin { kOurChange, kServer };
  // Takes over what the server said, unless something newer is known. `inline_bytes`: the content
  // that came with it. True where it shows that others changed the data.
  bool Adopt(const proto::Attr& attr, Origin origin,
             std::optional<std::string_view> inline_bytes = std::nullopt) WEFT_EXCLUDES(mutex_);
  // As the server said last, and with the size and times of what this mount has written since.
  [[nodiscard]] proto::Attr server_attr() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] proto::Attr attr() const WEFT_EXCLUDES(mutex_);
  // Asks the server, and forgets what others have changed. True where the kernel's pages and
  // attributes may be older than the answer, until KernelDropped.
  absl::StatusOr<bool> Revalidate() WEFT_EXCLUDES(mutex_);
  // The kernel is about to drop all that it has of the file.
  void KernelDropped() WEFT_EXCLUDES(mutex_);
  // The file is read now: where `policy` says so, its access time is the present one, at once here,
  // and for the others when the server has it.
  void NoteRead(proto::AtimePolicy policy) WEFT_EXCLUDES(mutex_);
  // The access time that the server has to be told, once; 0: none.
  [[nodiscard]] int64_t TakeAtime() WEFT_EXCLUDES(mutex_);
  // What a reply says of quotas.
  template <typename Reply>
  void HearQuota(const Reply& reply) {
    quota_.Heard(reply.has_quota_left_bytes() ? std::optional(reply.quota_left_bytes())
                                              : std::nullopt);
  }
  // This mount has just created it: nobody wrote to it before.
  void SetNew() WEFT_EXCLUDES(mutex_);
  // After CountOpen for writing: other mounts write no chunks of this content while it is inline
  // (see proto OpenReply.sole_writer). 0: they may.
  void SetOwnContent(uint64_t content_id) WEFT_EXCLUDES(mutex_);

  void CountOpen(bool for_writing) WEFT_EXCLUDES(mutex_);
  // Opens that are left.
  uint32_t CountClose(bool for_writing) WEFT_EXCLUDES(mutex_);
  // Others changed the data since pages of it were cached last. `kClear`: no pages are left now.
  enum class Pages { kKeep, kClear };
  bool ChangedByOthers(Pages pages) WEFT_EXCLUDES(mutex_);

  // The session was lost: what is buffered is given up, with a kept error.
  void SessionLost() WEFT_EXCLUDES(mutex_);
  // The inode does not exist any more: writes fail from now on.
  void SetLost() WEFT_EXCLUDES(mutex_);
  // Gives up what could not be written out or committed, unless the file is open again. True if
  // there was something.
  bool GiveUp() WEFT_EXCLUDES(mutex_, turn_);
  // The inline content of which GiveUp left chunks behind; 0: none. Once.
  uint64_t TakeLeftContent() WEFT_EXCLUDES(mutex_);
  // Starts what is due: writing out what is a second old, committing sizes, dropping what was read
  // ahead long ago. Does not block. False where nothing is left to watch.
  bool Tick() WEFT_EXCLUDES(mutex_);
  // Memory runs short: starts writing out everything.
  void WriteOutBehind() {
    buffer_.DropRetained();
    buffer_.WriteOutBehind(std::chrono::steady_clock::now());
  }

  // -- file_write.cc
  absl::Status Write(uint64_t offset, std::span<const std::byte> data, bool append)
      WEFT_EXCLUDES(mutex_, turn_);

  // -- file_read.cc
  absl::StatusOr<ReadBytes> Read(StreamDetector* stream, uint64_t offset, size_t length)
      WEFT_EXCLUDES(mutex_, turn_);

  // -- file_commit.cc
  // Everything written before is at its servers, which know the size. Errors of writes are kept.
  absl::Status Flush() WEFT_EXCLUDES(mutex_, turn_);
  // The same, and durable.
  absl::Status Fsync() WEFT_EXCLUDES(mutex_, turn_);

  // -- file_change.cc
  absl::StatusOr<proto::Attr> SetAttr(Caller caller, const proto::SetAttrRequest& request)
      WEFT_EXCLUDES(mutex_, turn_);
  // Runs `cut`, which makes the server cut the file to zero, while nothing is written, and forgets
  // what is buffered.
  absl::Status CutToZero(const std::function<absl::StatusOr<proto::Attr>()>& cut)
      WEFT_EXCLUDES(mutex_, turn_);
  absl::Status Fallocate(int mode, uint64_t offset, uint64_t length) WEFT_EXCLUDES(mutex_, turn_);

  // -- file_seek.cc
  absl::StatusOr<uint64_t> Seek(Vfs::SeekFor what, uint64_t offset) WEFT_EXCLUDES(mutex_, turn_);

  // -- file_copy.cc
  // Copies from `source`, which may be this file: see Vfs::CopyRange.
  absl::StatusOr<uint64_t> CopyFrom(File& source, uint64_t from, uint64_t to, uint64_t length)
      WEFT_EXCLUDES(mutex_, turn_);

  // -- WriteBuffer::Owner
  std::shared_ptr<void> Self() override { return shared_from_this(); }
  proto::Content CurrentContent() override WEFT_EXCLUDES(mutex_);
  absl::StatusOr<proto::Content> ContentForWriting() override WEFT_EXCLUDES(mutex_, beginning_);
  absl::Status RefreshContent() override WEFT_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  // From the first write beyond the inline bound until the server has forgotten the inline bytes.
  struct Moving {
    bool based = false;         // the server's inline bytes are in the write buffer or stored
    bool base_is_empty = true;  // and there were none
    uint64_t version = 0;       // of them
    uint64_t errors = 0;        // kept when that was done: a later one may concern them
    IntervalSet ours;           // bytes that this mount's applications wrote, in the inline area
    bool hurried = false;       // a writer has tried to commit it
  };

  // -- file.cc
  [[nodiscard]] uint64_t SizeLocked() const WEFT_REQUIRES(mutex_);
  [[nodiscard]] uint64_t Size() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] bool IsInlineLocked() const WEFT_REQUIRES(mutex_) {
    return attr_.content().is_inline() && !moving_;
  }
  // attr_ has just taken the place of `before`; `others` had a part in that.
  void AdoptContentLocked(const proto::Attr& before, bool others) WEFT_REQUIRES(mutex_);
  void AdoptNewContentLocked() WEFT_REQUIRES(mutex_);
  // Stored bytes that were not committed are gone, unless the cut was our own.
  void KeepLossLocked() WEFT_REQUIRES(mutex_);
  // Inline bytes that are dirty while the content is in chunks now go to the write buffer.
  void TransferInlineLocked() WEFT_REQUIRES(mutex_);
  // Asks the server once, for a short time, if what is known is older than `age`.
  void RefreshIfOlder(std::chrono::milliseconds age) WEFT_EXCLUDES(mutex_);
  // Asks for the attributes, and the inline content if the file is inline.
  absl::Status FetchInline() WEFT_EXCLUDES(mutex_);
  void Watch() WEFT_EXCLUDES(mutex_);
  void CommitBehind() WEFT_EXCLUDES(mutex_, turn_);
  [[nodiscard]] bool HasUncommittedLocked() const WEFT_REQUIRES(mutex_);
  void NoteWriteLocked() WEFT_REQUIRES(mutex_);

  // -- file_append.cc
  // The place of bytes that are appended; nothing where they are stored already, inline.
  absl::StatusOr<std::optional<uint64_t>> PlaceAppend(std::span<const std::byte> data)
      WEFT_EXCLUDES(mutex_, turn_);
  absl::Status PrepareAppend() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::StatusOr<proto::AppendReply> AskForPlace(std::span<const std::byte> data)
      WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);

  // -- file_write.cc
  // EDQUOT: a quota does not leave so much.
  absl::Status TakeQuota(uint64_t offset, uint64_t length, bool append)
      WEFT_EXCLUDES(mutex_, turn_);
  enum class Way { kDone, kChunks, kMustMove };
  absl::StatusOr<Way> Prepare(uint64_t offset, std::span<const std::byte> data)
      WEFT_EXCLUDES(mutex_);
  absl::Status StartMoving() WEFT_EXCLUDES(mutex_, turn_);
  void StartMovingLocked() WEFT_REQUIRES(mutex_);
  // Commits a move before more is stored than could be stored again.
  void HurryMove() WEFT_EXCLUDES(mutex_, turn_);

  // -- file_read.cc
  absl::StatusOr<std::optional<ReadBytes>> ReadInline(uint64_t offset, size_t length)
      WEFT_EXCLUDES(mutex_);
  absl::StatusOr<ReadBytes> ReadChunks(StreamDetector* stream, uint64_t begin, uint64_t end,
                                       uint64_t size);
  absl::StatusOr<ReadBytes> ReadPatched(const proto::Content& content, uint64_t begin, uint64_t end,
                                        const std::vector<WriteBuffer::Patch>& patches);

  // -- file_commit.cc
  // Where others cut or replace the content meanwhile, bytes of ours may have become dirty again,
  // or lie in another content: again.
  absl::Status UntilContentStays(const std::function<absl::Status()>& write_out)
      WEFT_EXCLUDES(mutex_, turn_);
  absl::Status FlushInline() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::StatusOr<bool> FlushInlineOnce() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::Status WriteInlineParts(const std::vector<InlineContent::Part>& parts, uint64_t content_id,
                                uint64_t version, int64_t mtime_ns) WEFT_EXCLUDES(mutex_);
  absl::Status Commit() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::StatusOr<bool> CommitOnce() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::StatusOr<bool> CommitRefused(const absl::Status& error,
                                     const std::optional<WriteBuffer::Uncommitted>& state)
      WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  // All that the server's inline bytes say is stored in chunks, and durable.
  absl::Status FinishBase() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::Status FetchBase() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::Status SyncTargets() WEFT_EXCLUDES(mutex_, syncing_);
  absl::Status SyncTargetsAlone() WEFT_REQUIRES(syncing_) WEFT_EXCLUDES(mutex_);
  void NoteCommitLocked() WEFT_REQUIRES(mutex_);
  absl::Status SyncMetadata() WEFT_EXCLUDES(mutex_);

  // -- file_change.cc
  absl::StatusOr<proto::Attr> SetSize(Caller caller, const proto::SetAttrRequest& request)
      WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::Status CutToZeroAlone(const std::function<absl::StatusOr<proto::Attr>()>& cut)
      WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  // ENOSPC where what is not stored of the range is more than there is space for now.
  absl::Status CheckSpaceFor(uint64_t begin, uint64_t end) WEFT_REQUIRES(turn_)
      WEFT_EXCLUDES(mutex_);
  absl::Status Punch(uint64_t begin, uint64_t end) WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::Status PunchChunks(uint64_t begin, uint64_t end) WEFT_EXCLUDES(mutex_);

  // -- file_copy.cc
  absl::Status CopyThrough(File& source, uint64_t from, uint64_t to, uint64_t length)
      WEFT_EXCLUDES(mutex_, turn_);
  absl::Status CopyChunks(File& source, uint64_t from, uint64_t to, uint64_t length)
      WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);
  absl::Status CopyStored(const proto::Content& source, uint64_t from, uint64_t to, uint64_t length)
      WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);

  // -- file_change.cc
  // Writes out and commits everything.
  absl::Status Settle() WEFT_REQUIRES(turn_) WEFT_EXCLUDES(mutex_);

  const FileMount* const mount_;
  const InodeId inode_;

  KeptErrors errors_;
  WriteBuffer buffer_;
  ReadAhead read_ahead_;
  QuotaAllowance quota_;
  Gate gate_;
  Mutex turn_;
  Mutex syncing_;
  Mutex beginning_;

  mutable Mutex mutex_;
  proto::Attr attr_ WEFT_GUARDED_BY(mutex_);         // inode_id 0: nothing is known yet
  Clock::time_point heard_ WEFT_GUARDED_BY(mutex_);  // when the server was asked last
  bool asking_ WEFT_GUARDED_BY(mutex_) = false;
  InlineContent inline_ WEFT_GUARDED_BY(mutex_);
  std::optional<Moving> moving_ WEFT_GUARDED_BY(mutex_);
  int64_t written_ns_ WEFT_GUARDED_BY(mutex_) = 0;  // mtime of writes not yet committed; 0: none
  int64_t read_ns_ WEFT_GUARDED_BY(mutex_) = 0;     // access time that is not told yet; 0: none
  std::optional<Clock::time_point> dirty_since_ WEFT_GUARDED_BY(mutex_);
  // Commits, and the durability id of the first that was not synced; empty: all were.
  uint64_t commits_ WEFT_GUARDED_BY(mutex_) = 0;
  std::string committed_under_ WEFT_GUARDED_BY(mutex_);
  bool sync_all_ WEFT_GUARDED_BY(mutex_) =
      true;  // others may have written before: sync all targets
  bool watched_ WEFT_GUARDED_BY(mutex_) = false;
  bool committing_ WEFT_GUARDED_BY(mutex_) = false;  // behind, by the pool
  bool changed_by_others_ WEFT_GUARDED_BY(mutex_) = false;
  // What the kernel has may be older than attr_: an open refreshes its pages, not its attributes.
  bool kernel_is_old_ WEFT_GUARDED_BY(mutex_) = true;
  bool lost_ WEFT_GUARDED_BY(mutex_) = false;
  // One past the last byte that the server gave this mount to append, of the content of that id.
  uint64_t append_end_ WEFT_GUARDED_BY(mutex_) = 0;
  uint64_t append_content_id_ WEFT_GUARDED_BY(mutex_) = 0;
  bool cutting_ WEFT_GUARDED_BY(mutex_) = false;          // to zero, by this mount
  uint64_t own_content_id_ WEFT_GUARDED_BY(mutex_) = 0;   // see SetOwnContent; or BeginMove's
  uint64_t left_content_id_ WEFT_GUARDED_BY(mutex_) = 0;  // see TakeLeftContent
  uint32_t readers_ WEFT_GUARDED_BY(mutex_) = 0;
  uint32_t writers_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::client
