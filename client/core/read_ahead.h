// Bytes of one file that were fetched before they were asked for.
//
// Whole slabs are fetched by the pool, from several servers in parallel, into pooled memory, which
// is handed to the reader as it is. A block serves for at most kMaxAge and is given up when it has
// been read, or when something was written there. Bounded by the mount's budget: where that is used
// up nothing is fetched ahead. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "client/core/chunk_io.h"
#include "client/core/io_pool.h"
#include "client/core/memory_budget.h"
#include "common/mutex.h"
#include "common/wire/buffer.h"
#include "proto/types.pb.h"

namespace weft::client {

class ReadAhead {
 public:
  static constexpr std::chrono::milliseconds kMaxAge{1'000};

  // Fetched bytes [begin, end) of the file.
  class Block {
   public:
    Block(std::shared_ptr<MemoryBudget> budget, uint64_t begin, uint64_t end)
        : begin_(begin), end_(end), budget_(std::move(budget)) {}
    ~Block() { budget_->Release(end_ - begin_); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    [[nodiscard]] std::byte* at(uint64_t offset) const {
      return memory_.data() + (offset - begin_);
    }

   private:
    friend class ReadAhead;
    const uint64_t begin_;
    const uint64_t end_;
    const std::shared_ptr<MemoryBudget> budget_;  // has been taken from already
    wire::Buffer memory_;
  };

  // `budget` may outlive all else: readers hold blocks.
  ReadAhead(ChunkIo* io, IoPool* pool, std::shared_ptr<MemoryBudget> budget)
      : io_(io), pool_(pool), budget_(std::move(budget)) {}

  // Starts fetching the slabs of [begin, end) that are not there or on their way. `self` keeps this
  // alive. Slabs for which `may_fetch`, asked after a later Drop of them takes effect, says no are
  // left out.
  void Fetch(const proto::Content& content, uint64_t begin, uint64_t end,
             const std::shared_ptr<void>& self,
             const std::function<bool(uint64_t begin, uint64_t end)>& may_fetch)
      WEFT_EXCLUDES(mutex_);

  // The block that holds all of [begin, end), which lie in one slab; waits for it where it is on
  // its way. Null: read it yourself.
  std::shared_ptr<const Block> Find(uint64_t begin, uint64_t end) WEFT_EXCLUDES(mutex_);

  // Gives up what is there, or on its way, of [begin, end).
  void Drop(uint64_t begin, uint64_t end) WEFT_EXCLUDES(mutex_);
  void DropAll() WEFT_EXCLUDES(mutex_);
  // Gives up what is too old to serve. True where something is left.
  bool DropOld() WEFT_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;
  enum class State { kQueued, kFetching, kReady, kFailed };
  struct Entry {
    std::shared_ptr<Block> block;
    proto::Content content;
    State state = State::kQueued;
    bool dropped = false;
    uint64_t served_bytes = 0;
    Clock::time_point since;  // when it was queued, then when it was fetched
  };
  using Entries = std::map<uint64_t, std::shared_ptr<Entry>>;  // by slab

  // Fetches an entry that the caller has moved to kFetching.
  void Load(Entry& entry) WEFT_EXCLUDES(mutex_);
  Entries::iterator Remove(Entries::iterator it) WEFT_REQUIRES(mutex_);

  ChunkIo* const io_;
  IoPool* const pool_;
  const std::shared_ptr<MemoryBudget> budget_;

  Mutex mutex_;
  CondVar fetched_;
  Entries entries_ WEFT_GUARDED_BY(mutex_);
  uint32_t slab_bytes_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::client
