#include "client/core/write_buffer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "common/wire/buffer.h"

namespace weft::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A slab in more parts than this goes out at once: each part is a request.
constexpr size_t kMaxPartsOfSlab = 32;
// Slabs of one file on their way behind its writer; beyond, the writer sends, too.
constexpr uint32_t kMaxSlabsBehind = 8;
// Writers that wait for memory look up so often, in case they can send something themselves.
constexpr milliseconds kWaitForMemory{500};

}  // namespace

WriteBuffer::~WriteBuffer() {
  MutexLock lock(&mutex_);
  DropRetainedUpTo(UINT64_MAX);
  for (auto& [index, slab] : slabs_) DropDirty(slab);
}

void WriteBuffer::Write(uint64_t offset, std::span<const std::byte> data) {
  Put(offset, data, true);
}

void WriteBuffer::WriteNow(uint64_t offset, std::span<const std::byte> data) {
  Put(offset, data, false);
}

void WriteBuffer::Put(uint64_t offset, std::span<const std::byte> data, bool may_wait) {
  uint32_t slab_bytes = 0;
  {
    MutexLock lock(&mutex_);
    slab_bytes = slab_bytes_;
  }
  while (!data.empty()) {
    const auto in_slab = static_cast<uint32_t>(offset % slab_bytes);
    const size_t length = std::min<size_t>(data.size(), slab_bytes - in_slab);
    WriteSlab(offset / slab_bytes, slab_bytes, in_slab, data.first(length), may_wait);
    data = data.subspan(length);
    offset += length;
  }
}

void WriteBuffer::WriteSlab(uint64_t index, uint32_t bytes, uint32_t offset,
                            std::span<const std::byte> data, bool may_wait) {
  MutexLock lock(&mutex_);
  bool reserved = false;
  Slab* slab = FindQuiet(index);
  while (!reserved && (slab == nullptr || slab->dirty == nullptr)) {
    if (may_wait) {
      lock.Unlock();
      Reserve(bytes);
      lock.Lock();
    } else {
      mount_->budget->TakeAnyway(bytes);
      buffered_bytes_ += bytes;
    }
    reserved = true;
    slab = FindQuiet(index);
  }
  if (bytes != slab_bytes_) {  // the content was replaced while this waited
    if (reserved) Release(bytes);
    errors_->Keep(PosixError(EIO, kOtherChunks));
    return;
  }
  if (slab == nullptr) slab = &slabs_[index];
  ++writes_;
  if (slab->dirty == nullptr) {
    slab->dirty = std::make_shared<SlabBuffer>(bytes);
    slab->dirty_number = writes_;
    slab->dirty_since = steady_clock::now();
  } else if (reserved) {
    Release(bytes);  // another writer was faster
  }
  slab->filling = true;
  SlabBuffer* const buffer = slab->dirty.get();
  lock.Unlock();
  buffer->Write(offset, data);
  lock.Lock();
  slab->filling = false;
  slab->dirty_end = std::max<uint64_t>(slab->dirty_end, offset + data.size());
  if (slab->wanted || buffer->full() || buffer->written().intervals().size() > kMaxPartsOfSlab) {
    Want(index, *slab);
  }
  changed_.SignalAll();
  const bool help = may_wait && queued_ + sending_ > kMaxSlabsBehind;
  lock.Unlock();
  if (help) SendOneHere(Which::kWanted);
}

void WriteBuffer::Reserve(uint32_t bytes) {
  std::optional<MemoryBudget::Waiter> waiter;
  for (;;) {
    const uint64_t seen = mount_->budget->releases();
    bool fits_file = false;
    {
      MutexLock lock(&mutex_);
      fits_file = buffered_bytes_ == 0 || buffered_bytes_ + bytes <= mount_->file_limit_bytes;
      if (fits_file && mount_->budget->TryTake(bytes)) {
        buffered_bytes_ += bytes;
        return;
      }
    }
    if (!waiter) waiter.emplace(mount_->budget);
    DropRetained();
    if (mount_->budget->releases() != seen || SendOneHere(Which::kAny)) continue;
    WriteOutBehind(steady_clock::now());
    if (fits_file) mount_->press();
    waiter->WaitForRelease(seen, kWaitForMemory);
  }
}

void WriteBuffer::Release(uint32_t bytes) {
  buffered_bytes_ -= bytes;
  mount_->budget->Release(bytes);
}

WriteBuffer::Slab* WriteBuffer::FindQuiet(uint64_t index) {
  for (;;) {
    const auto it = slabs_.find(index);
    if (it == slabs_.end()) return nullptr;
    if (!it->second.filling) return &it->second;
    changed_.Wait(&mutex_);
  }
}

void WriteBuffer::WaitUntilQuiet() {
  const auto filling = [](const auto& entry) { return entry.second.filling; };
  while (std::any_of(slabs_.begin(), slabs_.end(), filling)) changed_.Wait(&mutex_);
}

std::vector<WriteBuffer::Patch> WriteBuffer::Snapshot(uint64_t begin, uint64_t end) {
  std::vector<Patch> patches;
  MutexLock lock(&mutex_);
  if (slabs_.empty()) return patches;
  for (uint64_t index = IndexOf(begin); index * slab_bytes_ < end; ++index) {
    const Slab* slab = FindQuiet(index);
    if (slab == nullptr) continue;
    const uint64_t start = index * slab_bytes_;
    const uint64_t from = std::max(begin, start) - start;
    const uint64_t to = std::min<uint64_t>(end - start, slab_bytes_);
    if (slab->sending != nullptr && !slab->abandoned) {
      for (const Interval& part : slab->sending->written().Within(from, to)) {
        patches.push_back({start + part.begin, slab->sending->bytes(part), slab->sending});
      }
    }
    if (slab->dirty == nullptr) continue;
    for (const Interval& part : slab->dirty->written().Within(from, to)) {
      auto copy = std::make_shared<wire::Buffer>(part.size());
      std::memcpy(copy->data(), slab->dirty->bytes(part).data(), part.size());
      patches.push_back({start + part.begin, copy->bytes(), copy});
    }
  }
  return patches;
}

IntervalSet WriteBuffer::BufferedBelow(uint64_t bytes) {
  IntervalSet buffered;
  for (const Patch& patch : Snapshot(0, bytes)) buffered.Add(patch.begin, patch.end());
  return buffered;
}

bool WriteBuffer::IsClean(uint64_t begin, uint64_t end) const {
  MutexLock lock(&mutex_);
  const auto it = slabs_.lower_bound(IndexOf(begin));
  return it == slabs_.end() || it->first * slab_bytes_ >= end;
}

uint64_t WriteBuffer::End() const {
  MutexLock lock(&mutex_);
  const uint64_t stored = has_uncommitted_ ? uncommitted_.end_bytes : 0;
  for (auto it = slabs_.rbegin(); it != slabs_.rend(); ++it) {
    const uint64_t in_slab = std::max(it->second.dirty_end, it->second.sending_end);
    if (in_slab > 0) return std::max(stored, it->first * slab_bytes_ + in_slab);
  }
  return stored;
}

bool WriteBuffer::empty() const {
  MutexLock lock(&mutex_);
  return slabs_.empty();
}

bool WriteBuffer::Discard() {
  MutexLock lock(&mutex_);
  bool any = false;
  WaitUntilQuiet();
  DropRetainedUpTo(UINT64_MAX);
  for (auto& [index, slab] : slabs_) {
    any = any || slab.dirty != nullptr;
    DropDirty(slab);
  }
  Tidy();
  changed_.SignalAll();
  return any;
}

void WriteBuffer::DropDirty(Slab& slab) {
  if (slab.dirty == nullptr) return;
  Release(slab.dirty->size_bytes());
  slab.dirty = nullptr;
  slab.dirty_end = 0;
  slab.wanted = false;
}

void WriteBuffer::Tidy() {
  std::erase_if(slabs_, [](const auto& entry) {
    return entry.second.dirty == nullptr && entry.second.sending == nullptr;
  });
}

std::optional<WriteBuffer::Uncommitted> WriteBuffer::uncommitted() const {
  MutexLock lock(&mutex_);
  if (!has_uncommitted_) return std::nullopt;
  return uncommitted_;
}

void WriteBuffer::Committed(const Uncommitted& state) {
  MutexLock lock(&mutex_);
  uncommitted_.used_bytes_added -= std::min(uncommitted_.used_bytes_added, state.used_bytes_added);
  uncommitted_.used_bytes_freed -= std::min(uncommitted_.used_bytes_freed, state.used_bytes_freed);
  if (uncommitted_.stores == state.stores) has_uncommitted_ = false;
  if (not_retained_ <= state.stores) not_retained_ = 0;
  DropRetainedUpTo(state.stores);
}

void WriteBuffer::NoteFreed(uint64_t bytes) {
  if (bytes == 0) return;
  MutexLock lock(&mutex_);
  CountStore(0);
  uncommitted_.used_bytes_freed += bytes;
}

DurabilityIds WriteBuffer::TakeUnsynced() {
  MutexLock lock(&mutex_);
  return std::exchange(unsynced_, {});
}

}  // namespace weft::client
