// What was written to one file and is not on the storage-servers yet, and what of it the
// metadata-server does not know yet.
//
// Bytes are gathered in slabs (see slab_buffer.h). A slab that is full goes out at once, behind the
// writer; the others go out when they are a second old, when memory runs short, or by WriteOut.
// While a slab is on its way its bytes are constant; what is written to it meanwhile gathers in a
// second buffer, which goes out after the first. Memory is bounded for the file and for the mount:
// a writer that finds none left sends slabs itself or waits, and every send ends within the io
// timeout, with its bytes stored or with a kept error. Knows nothing of handles or inline content.
// Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "client/core/chunk_io.h"
#include "client/core/io_pool.h"
#include "client/core/io_timeout.h"
#include "client/core/kept_errors.h"
#include "client/core/memory_budget.h"
#include "client/core/slab_buffer.h"
#include "common/mutex.h"
#include "proto/types.pb.h"

namespace weft::client {

// What all write buffers of a mount share. All must outlive them.
struct WriteBufferMount {
  ChunkIo* io = nullptr;
  IoPool* pool = nullptr;
  MemoryBudget* budget = nullptr;
  uint64_t file_limit_bytes = 0;
  std::function<void()> press;  // memory runs short: call WriteOutBehind of all files
  const IoTimeout* timeout = nullptr;
};

class WriteBuffer {
 public:
  // The file, as its buffer needs it. Called without the buffer's lock, but for Self.
  class Owner {
   public:
    virtual ~Owner() = default;
    // Keeps the owner, and so the buffer, while work goes on behind it. May be called with the
    // lock.
    virtual std::shared_ptr<void> Self() = 0;
    // Where the bytes are, and where they may be written: a content whose chunks no other mount
    // writes that does not know it as one in chunks. The latter may ask the metadata-server.
    virtual proto::Content CurrentContent() = 0;
    virtual absl::StatusOr<proto::Content> ContentForWriting() = 0;
    // The content may have been cut or replaced: asks the metadata-server.
    virtual absl::Status RefreshContent() = 0;
  };

  // Bytes to lay over what the servers have. `memory` keeps them.
  struct Patch {
    uint64_t begin = 0;
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> memory;
    [[nodiscard]] uint64_t end() const { return begin + bytes.size(); }
  };

  // What CommitWrite has to tell.
  struct Uncommitted {
    uint64_t end_bytes = 0;         // one past the last byte stored
    uint64_t used_bytes_added = 0;  // see proto CommitWriteRequest
    uint64_t used_bytes_freed = 0;
    uint64_t stores = 0;  // numbers this state
  };

  // All must outlive the buffer. It takes bytes once it has been told the content.
  WriteBuffer(const WriteBufferMount* mount, Owner* owner, KeptErrors* errors)
      : mount_(mount), owner_(owner), errors_(errors) {}
  ~WriteBuffer();

  // Buffers all of `data`; waits where memory is short. The caller keeps the content from being cut
  // meanwhile.
  void Write(uint64_t offset, std::span<const std::byte> data) WEFT_EXCLUDES(mutex_);
  // The same without waiting for memory: for at most kLargestInlineMaxBytes.
  void WriteNow(uint64_t offset, std::span<const std::byte> data) WEFT_EXCLUDES(mutex_);

  // What is buffered of [begin, end), oldest first: later patches lie over earlier ones.
  std::vector<Patch> Snapshot(uint64_t begin, uint64_t end) WEFT_EXCLUDES(mutex_);
  // What is buffered of the first `bytes` bytes.
  IntervalSet BufferedBelow(uint64_t bytes) WEFT_EXCLUDES(mutex_);
  // Nothing of the slabs that hold [begin, end) is buffered.
  [[nodiscard]] bool IsClean(uint64_t begin, uint64_t end) const WEFT_EXCLUDES(mutex_);

  // One past the last byte that is buffered, or stored and not committed; 0 without any.
  [[nodiscard]] uint64_t End() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] bool empty() const WEFT_EXCLUDES(mutex_);

  // Everything that was written before is stored, or has failed and left a kept error.
  void WriteOut() WEFT_EXCLUDES(mutex_);
  // Starts writing out what was buffered before `time`, behind the caller.
  void WriteOutBehind(std::chrono::steady_clock::time_point time) WEFT_EXCLUDES(mutex_);

  // Nothing at or after `offset` is on its way when it returns, nor starts until Unhold.
  void HoldFrom(uint64_t offset) WEFT_EXCLUDES(mutex_);
  // Ends the hold; `cut`: forgets what is buffered at or after the held offset.
  enum class Held { kKeep, kCut };
  void Unhold(Held held) WEFT_EXCLUDES(mutex_);

  // The file's bytes are in another content now: what is buffered or retained goes there, also what
  // is on its way to the old one. With `ours`, of the first kLargestInlineMaxBytes only those
  // bytes. What else was stored and not committed is gone with the old content: false if there was
  // any. Where the new one has chunks of another size the bytes are given up, with a kept error.
  bool ContentReplaced(const proto::Content& content, const std::optional<IntervalSet>& ours)
      WEFT_EXCLUDES(mutex_);
  // Another mount has cut the content to `size_bytes`: what is retained or on its way goes there
  // again. False if what else was stored and not committed may be gone.
  bool ContentCut(uint64_t size_bytes) WEFT_EXCLUDES(mutex_);
  // Of the first kLargestInlineMaxBytes, only these bytes are to be written.
  void ForgetAllBut(const IntervalSet& ours) WEFT_EXCLUDES(mutex_);
  // So much is buffered or retained that soon something will be stored and neither retained nor
  // committed.
  [[nodiscard]] bool WindowIsFull() const WEFT_EXCLUDES(mutex_);
  // Gives up the memory of what is retained.
  void DropRetained() WEFT_EXCLUDES(mutex_);
  // Forgets all that is buffered and not on its way; true if there was any.
  bool Discard() WEFT_EXCLUDES(mutex_);

  // Others than this buffer have stored bytes of the content, or made it so long with a hole: to be
  // committed and synced like what it stores itself.
  void Stored(const ChunkStored& stored) WEFT_EXCLUDES(mutex_);
  void StoredUpTo(uint64_t end_bytes) WEFT_EXCLUDES(mutex_);

  // Nothing where nothing was stored since the last Committed.
  [[nodiscard]] std::optional<Uncommitted> uncommitted() const WEFT_EXCLUDES(mutex_);
  void Committed(const Uncommitted& state) WEFT_EXCLUDES(mutex_);
  // Chunks gave back so much space, which is to be committed.
  void NoteFreed(uint64_t bytes) WEFT_EXCLUDES(mutex_);

  // Targets stored to since the last call, with their durability ids.
  DurabilityIds TakeUnsynced() WEFT_EXCLUDES(mutex_);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Slab {
    std::shared_ptr<SlabBuffer> dirty;    // null: nothing
    std::shared_ptr<SlabBuffer> sending;  // null: nothing on its way
    uint64_t dirty_number = 0;            // of the first write in `dirty`, and in `sending`
    uint64_t sending_number = 0;
    uint64_t dirty_end = 0;  // one past the last byte, in the slab
    uint64_t sending_end = 0;
    TimePoint dirty_since;
    bool filling = false;  // a writer copies into `dirty` without the lock
    bool wanted = false;   // goes out as soon as it can
    bool queued = false;   // and the pool has been told
    // What is on its way goes to a content that was replaced or cut, or not all of it is to be
    // written; what is, is in `dirty`, too.
    bool abandoned = false;
  };
  // A slab on its way, or back.
  struct Sending {
    uint64_t index = 0;
    std::shared_ptr<SlabBuffer> buffer;
    absl::Status status;  // the first error
    std::vector<ChunkStored> stored;
  };

  // A slab that was stored, and may have to be sent again.
  struct Retained {
    uint64_t store = 0;  // Uncommitted::stores after it
    uint64_t index = 0;
    std::shared_ptr<SlabBuffer> buffer;
  };

  // -- write_buffer.cc: gathering
  void Put(uint64_t offset, std::span<const std::byte> data, bool may_wait);
  void WriteSlab(uint64_t index, uint32_t slab_bytes, uint32_t offset,
                 std::span<const std::byte> data, bool may_wait);
  void Reserve(uint32_t bytes) WEFT_EXCLUDES(mutex_);
  void Release(uint32_t bytes) WEFT_REQUIRES(mutex_);
  // A slab that nobody copies into, or null.
  Slab* FindQuiet(uint64_t index) WEFT_REQUIRES(mutex_);
  void WaitUntilQuiet() WEFT_REQUIRES(mutex_);
  [[nodiscard]] uint64_t IndexOf(uint64_t offset) const WEFT_REQUIRES(mutex_) {
    return offset / slab_bytes_;
  }

  // -- write_buffer_send.cc, write_buffer_result.cc: sending
  // The slab shall go out: tells the pool, if it can go now.
  void Want(uint64_t index, Slab& slab) WEFT_REQUIRES(mutex_);
  [[nodiscard]] bool MaySend(uint64_t index, const Slab& slab) const WEFT_REQUIRES(mutex_);
  // Sends one slab on this thread if one may go and a place in its server's lane is free.
  enum class Which { kWanted, kAny };
  bool SendOneHere(Which which) WEFT_EXCLUDES(mutex_);
  void SendQueued(uint64_t index) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] Sending Begin(uint64_t index, Slab& slab) WEFT_REQUIRES(mutex_);
  void Transmit(std::span<Sending> slabs) WEFT_EXCLUDES(mutex_);
  void TransmitOnce(const proto::Content& content, std::span<Sending> slabs) WEFT_EXCLUDES(mutex_);
  // Those that are not stored yet, and not abandoned.
  std::vector<Sending*> ToTransmit(std::span<Sending> slabs) WEFT_EXCLUDES(mutex_);
  void Finish(Sending& sent) WEFT_REQUIRES(mutex_);
  void KeepStored(const Sending& sent) WEFT_REQUIRES(mutex_);
  void KeepStored(const ChunkStored& stored) WEFT_REQUIRES(mutex_);
  // There is something new to commit, about bytes up to `end`.
  void CountStore(uint64_t end) WEFT_REQUIRES(mutex_);
  // Lays the bytes of `older`, which were written before all others of the slab, under those.
  void PutBack(uint64_t index, const SlabBuffer& older) WEFT_REQUIRES(mutex_);
  void AbandonSending() WEFT_REQUIRES(mutex_);
  void Abandon(uint64_t index, Slab& slab) WEFT_REQUIRES(mutex_);
  // Puts back what is on its way or retained. False if more was stored and not committed, beyond
  // `safe_bytes`.
  bool TakeBack(uint64_t safe_bytes) WEFT_REQUIRES(mutex_);
  void SendWanted() WEFT_REQUIRES(mutex_);
  void KeepOnly(const IntervalSet& ours) WEFT_REQUIRES(mutex_);
  // Keeps a slab that was stored, and its memory, for a while.
  void Retain(uint64_t index, std::shared_ptr<SlabBuffer> buffer) WEFT_REQUIRES(mutex_);
  // Lets go of what is retained of the stores up to that one.
  void DropRetainedUpTo(uint64_t store) WEFT_REQUIRES(mutex_);
  void DropDirty(Slab& slab) WEFT_REQUIRES(mutex_);
  // Forgets entries that hold nothing.
  void Tidy() WEFT_REQUIRES(mutex_);
  [[nodiscard]] IoPool::Lane LaneOf(uint64_t index) const WEFT_REQUIRES(mutex_);

  static constexpr char kOtherChunks[] = "the file was replaced by one with chunks of another size";

  const WriteBufferMount* const mount_;
  Owner* const owner_;
  KeptErrors* const errors_;

  mutable Mutex mutex_;
  CondVar changed_;  // a slab was filled or sent, or a hold ended
  std::map<uint64_t, Slab> slabs_ WEFT_GUARDED_BY(mutex_);
  proto::Content content_ WEFT_GUARDED_BY(mutex_);  // its id counts; cut may be old
  uint32_t slab_bytes_ WEFT_GUARDED_BY(mutex_) = kMaxSlabBytes;
  uint64_t buffered_bytes_ WEFT_GUARDED_BY(mutex_) = 0;      // memory held
  uint64_t writes_ WEFT_GUARDED_BY(mutex_) = 0;              // numbers them
  uint32_t queued_ WEFT_GUARDED_BY(mutex_) = 0;              // tasks in the pool
  uint32_t sending_ WEFT_GUARDED_BY(mutex_) = 0;             // slabs
  uint64_t hold_from_ WEFT_GUARDED_BY(mutex_) = UINT64_MAX;  // offset
  Uncommitted uncommitted_ WEFT_GUARDED_BY(mutex_);
  bool has_uncommitted_ WEFT_GUARDED_BY(mutex_) = false;
  std::deque<Retained> retained_ WEFT_GUARDED_BY(mutex_);  // oldest first
  uint64_t retained_bytes_ WEFT_GUARDED_BY(mutex_) = 0;    // of buffered_bytes_
  // Uncommitted::stores of the last store that is not committed and not retained; 0: none.
  uint64_t not_retained_ WEFT_GUARDED_BY(mutex_) = 0;
  DurabilityIds unsynced_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
