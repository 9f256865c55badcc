#include "client/core/read_ahead.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "client/core/slab_buffer.h"
#include "common/limits.h"

namespace weft::client {

void ReadAhead::Fetch(const proto::Content& content, uint64_t begin, uint64_t end,
                      const std::shared_ptr<void>& self,
                      const std::function<bool(uint64_t, uint64_t)>& may_fetch) {
  const uint32_t slab_bytes = SlabBytes(content.chunk_bytes_log2());
  begin -= begin % kBlockBytes;
  while (begin < end) {
    const uint64_t slab = begin / slab_bytes;
    const uint64_t slab_end = std::min(end, (slab + 1) * slab_bytes);
    std::shared_ptr<Entry> entry;
    {
      MutexLock lock(&mutex_);
      slab_bytes_ = slab_bytes;
      auto& place = entries_[slab];
      if (place == nullptr) {
        if (!budget_->TryTake(slab_end - begin)) {
          entries_.erase(slab);
          return;
        }
        entry = place = std::make_shared<Entry>();
        entry->block = std::make_shared<Block>(budget_, begin, slab_end);
        entry->content = content;
        entry->since = Clock::now();
      }
    }
    if (entry != nullptr && !may_fetch(begin, slab_end)) {
      Drop(begin, slab_end);
    } else if (entry != nullptr) {
      const auto chunk = static_cast<uint32_t>(begin >> content.chunk_bytes_log2());
      pool_->Submit(io_->NodeOf(content, chunk).value(), [this, self, entry] {
        {
          MutexLock lock(&mutex_);
          if (entry->dropped || entry->state != State::kQueued) return;
          entry->state = State::kFetching;
        }
        Load(*entry);
      });
    }
    begin = slab_end;
  }
}

void ReadAhead::Load(Entry& entry) {
  Block& block = *entry.block;
  const uint64_t bytes = (block.end_ - block.begin_ + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  block.memory_ = wire::Buffer(bytes);
  const uint32_t log2 = entry.content.chunk_bytes_log2();
  const ChunkRead read{static_cast<uint32_t>(block.begin_ >> log2),
                       static_cast<uint32_t>(block.begin_ & ((uint64_t{1} << log2) - 1)),
                       block.memory_.bytes()};
  const absl::Status status = io_->Read(entry.content, {&read, 1});
  MutexLock lock(&mutex_);
  entry.state = status.ok() ? State::kReady : State::kFailed;
  entry.since = Clock::now();
  fetched_.SignalAll();
}

std::shared_ptr<const ReadAhead::Block> ReadAhead::Find(uint64_t begin, uint64_t end) {
  MutexLock lock(&mutex_);
  if (entries_.empty()) return nullptr;
  const uint64_t slab = begin / slab_bytes_;
  const auto found = entries_.find(slab);
  if (found == entries_.end()) return nullptr;
  const std::shared_ptr<Entry> entry = found->second;
  if (begin < entry->block->begin_ || end > entry->block->end_) return nullptr;
  if (entry->state == State::kQueued) {  // no thread of the pool is free: do it here
    entry->state = State::kFetching;
    lock.Unlock();
    Load(*entry);
    lock.Lock();
  }
  while (entry->state == State::kFetching) fetched_.Wait(&mutex_);
  if (entry->dropped) return nullptr;
  const auto it = entries_.find(slab);  // there, since it was not dropped
  if (entry->state == State::kFailed || Clock::now() - entry->since > kMaxAge) {
    Remove(it);
    return nullptr;
  }
  entry->served_bytes += end - begin;
  if (entry->served_bytes >= entry->block->end_ - entry->block->begin_) Remove(it);
  return entry->block;
}

ReadAhead::Entries::iterator ReadAhead::Remove(Entries::iterator it) {
  it->second->dropped = true;
  return entries_.erase(it);
}

void ReadAhead::Drop(uint64_t begin, uint64_t end) {
  MutexLock lock(&mutex_);
  if (entries_.empty()) return;
  auto it = entries_.lower_bound(begin / slab_bytes_);
  while (it != entries_.end() && it->first * slab_bytes_ < end) it = Remove(it);
}

void ReadAhead::DropAll() {
  MutexLock lock(&mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) it = Remove(it);
}

bool ReadAhead::DropOld() {
  const auto now = Clock::now();
  MutexLock lock(&mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool old = it->second->state != State::kFetching && now - it->second->since > kMaxAge;
    it = old ? Remove(it) : std::next(it);
  }
  return !entries_.empty();
}

}  // namespace weft::client
