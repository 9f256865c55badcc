// WriteBuffer: what becomes of what was sent.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/core/write_buffer.h"
#include "common/status.h"

namespace weft::client {
namespace {

// Stored and not committed, for the case that the content was replaced.
constexpr uint64_t kMaxRetainedBytes = uint64_t{4} << 20;

}  // namespace

void WriteBuffer::Finish(Sending& sent) {
  Slab& slab = slabs_.at(sent.index);  // there: it is being sent
  if (!slab.abandoned) KeepStored(sent);
  if (!slab.abandoned && sent.status.ok()) {
    Retain(sent.index, slab.sending);
  } else {
    Release(slab.sending->size_bytes());
  }
  slab.abandoned = false;
  slab.sending = nullptr;
  slab.sending_end = 0;
  --sending_;
  if (slab.dirty == nullptr) {
    slabs_.erase(sent.index);
  } else if (slab.wanted) {
    Want(sent.index, slab);
  }
  changed_.SignalAll();
}

void WriteBuffer::KeepStored(const Sending& sent) {
  for (const ChunkStored& stored : sent.stored) KeepStored(stored);
  if (sent.status.ok()) return;
  not_retained_ = uncommitted_.stores;
  errors_->Keep(sent.status);
}

void WriteBuffer::KeepStored(const ChunkStored& stored) {
  const uint64_t begin =
      (uint64_t{stored.chunk} << content_.chunk_bytes_log2()) + stored.offset_bytes;
  CountStore(begin + stored.length_bytes);
  uncommitted_.used_bytes_added += stored.used_bytes_added;
  auto& known = unsynced_[stored.target];
  if (!known.empty() && known != stored.durability_id) {
    errors_->Keep(PosixError(EIO, "target " + std::to_string(stored.target.value()) +
                                      " restarted: writes before may have been lost"));
  }
  known = stored.durability_id;
}

void WriteBuffer::Stored(const ChunkStored& stored) {
  MutexLock lock(&mutex_);
  if (stored.target.is_none()) return;
  KeepStored(stored);
  not_retained_ = uncommitted_.stores;
}

void WriteBuffer::StoredUpTo(uint64_t end_bytes) {
  MutexLock lock(&mutex_);
  CountStore(end_bytes);
}

void WriteBuffer::CountStore(uint64_t end) {
  if (!has_uncommitted_) uncommitted_.end_bytes = 0;
  has_uncommitted_ = true;
  ++uncommitted_.stores;
  uncommitted_.end_bytes = std::max(uncommitted_.end_bytes, end);
}

void WriteBuffer::Retain(uint64_t index, std::shared_ptr<SlabBuffer> buffer) {
  if (mount_->budget->has_waiters()) {
    not_retained_ = uncommitted_.stores;
    return Release(buffer->size_bytes());
  }
  retained_bytes_ += buffer->size_bytes();
  retained_.push_back({uncommitted_.stores, index, std::move(buffer)});
  while (retained_bytes_ > kMaxRetainedBytes) {
    not_retained_ = retained_.front().store;
    DropRetainedUpTo(not_retained_);
  }
}

void WriteBuffer::DropRetainedUpTo(uint64_t store) {
  while (!retained_.empty() && retained_.front().store <= store) {
    const uint32_t bytes = retained_.front().buffer->size_bytes();
    retained_.pop_front();
    retained_bytes_ -= bytes;
    Release(bytes);
  }
}

void WriteBuffer::DropRetained() {
  MutexLock lock(&mutex_);
  if (!retained_.empty()) not_retained_ = retained_.back().store;
  DropRetainedUpTo(UINT64_MAX);
}

bool WriteBuffer::WindowIsFull() const {
  MutexLock lock(&mutex_);
  return buffered_bytes_ >= std::min(kMaxRetainedBytes, mount_->file_limit_bytes) / 2;
}

bool WriteBuffer::TakeBack(uint64_t safe_bytes) {
  const bool complete = not_retained_ == 0 || uncommitted_.end_bytes <= safe_bytes;
  AbandonSending();
  while (!retained_.empty()) {
    const Retained newest = std::move(retained_.back());
    retained_.pop_back();
    retained_bytes_ -= newest.buffer->size_bytes();
    PutBack(newest.index, *newest.buffer);
    Release(newest.buffer->size_bytes());
  }
  has_uncommitted_ = false;
  uncommitted_.end_bytes = 0;
  uncommitted_.used_bytes_added = 0;
  uncommitted_.used_bytes_freed = 0;
  not_retained_ = 0;
  return complete;
}

void WriteBuffer::SendWanted() {
  for (auto& [index, slab] : slabs_) {
    if (slab.wanted) Want(index, slab);
  }
  changed_.SignalAll();
}

bool WriteBuffer::ContentCut(uint64_t size_bytes) {
  MutexLock lock(&mutex_);
  WaitUntilQuiet();
  const bool complete = TakeBack(size_bytes);
  SendWanted();
  return complete;
}

void WriteBuffer::ForgetAllBut(const IntervalSet& ours) {
  MutexLock lock(&mutex_);
  WaitUntilQuiet();
  const auto first = slabs_.find(0);
  if (first != slabs_.end() && first->second.sending != nullptr && !first->second.abandoned) {
    IntervalSet others = first->second.sending->written();
    for (const Interval& part : ours.intervals()) others.Remove(part.begin, part.end);
    others.Remove(kLargestInlineMaxBytes, UINT64_MAX);
    if (!others.empty()) Abandon(0, first->second);
  }
  KeepOnly(ours);
  Tidy();
  changed_.SignalAll();
}

bool WriteBuffer::ContentReplaced(const proto::Content& content,
                                  const std::optional<IntervalSet>& ours) {
  MutexLock lock(&mutex_);
  WaitUntilQuiet();
  const bool complete = TakeBack(0);
  const uint32_t slab_bytes = SlabBytes(content.chunk_bytes_log2());
  if (slab_bytes != slab_bytes_ && !slabs_.empty()) {
    errors_->Keep(PosixError(EIO, kOtherChunks));
    for (auto& [index, slab] : slabs_) DropDirty(slab);
  } else if (ours) {
    KeepOnly(*ours);
  }
  Tidy();
  content_ = content;
  slab_bytes_ = slab_bytes;
  unsynced_.clear();
  SendWanted();
  return complete;
}

void WriteBuffer::AbandonSending() {
  for (auto& [index, slab] : slabs_) {
    if (slab.sending != nullptr && !slab.abandoned) Abandon(index, slab);
  }
}

void WriteBuffer::Abandon(uint64_t index, Slab& slab) {
  PutBack(index, *slab.sending);
  slab.abandoned = true;
  slab.sending_end = 0;
}

void WriteBuffer::PutBack(uint64_t index, const SlabBuffer& older) {
  Slab& slab = slabs_[index];
  if (slab.dirty == nullptr) {
    slab.dirty = std::make_shared<SlabBuffer>(older.size_bytes());
    slab.dirty_since = std::chrono::steady_clock::now();
    buffered_bytes_ += older.size_bytes();
    mount_->budget->TakeAnyway(older.size_bytes());
  }
  slab.dirty->FillFrom(older);
  slab.dirty_number = 0;  // before all that is written from now on
  slab.dirty_end = slab.dirty->written().end();
  slab.wanted = true;
}

void WriteBuffer::KeepOnly(const IntervalSet& ours) {
  const auto first = slabs_.find(0);
  if (first == slabs_.end() || first->second.dirty == nullptr) return;
  Slab& slab = first->second;
  for (const Interval& gap : ours.Gaps(0, kLargestInlineMaxBytes)) {
    slab.dirty->Forget(gap.begin, gap.end);
  }
  slab.dirty_end = slab.dirty->written().end();
  if (slab.dirty_end == 0) DropDirty(slab);
}

}  // namespace weft::client
