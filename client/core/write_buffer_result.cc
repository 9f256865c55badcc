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
  Slab* slab = FindQuiet(sent.index);  // there: it is being sent
  if (sent.content_id == content_.content_id()) {
    KeepStored(sent);
    if (sent.status.ok()) {
      Retain(sent.index, slab->sending);
    } else {
      errors_->Keep(sent.status);
      Release(slab->sending->size_bytes());
    }
  } else if (slab->sending->size_bytes() == slab_bytes_) {
    BackToDirty(*slab);
  } else {
    errors_->Keep(PosixError(EIO, kOtherChunks));
    Release(slab->sending->size_bytes());
  }
  slab->sending = nullptr;
  slab->sending_end = 0;
  --sending_;
  if (slab->dirty == nullptr) {
    slabs_.erase(sent.index);
  } else if (slab->wanted) {
    Want(sent.index, *slab);
  }
  changed_.SignalAll();
}

void WriteBuffer::KeepStored(const Sending& sent) {
  for (const ChunkWrite& write : sent.stored) {
    const uint64_t begin =
        (uint64_t{write.chunk} << content_.chunk_bytes_log2()) + write.offset_bytes;
    const uint64_t end = begin + write.data.size();
    if (!has_uncommitted_) uncommitted_.end_bytes = 0;
    has_uncommitted_ = true;
    ++uncommitted_.stores;
    uncommitted_.end_bytes = std::max(uncommitted_.end_bytes, end);
    if (end > known_size_) uncommitted_.used_bytes_added += end - std::max(begin, known_size_);
    auto& known = unsynced_[write.target];
    if (!known.empty() && known != write.durability_id) {
      errors_->Keep(PosixError(EIO, "target " + std::to_string(write.target.value()) +
                                        " restarted: writes before may have been lost"));
    }
    known = write.durability_id;
  }
}

void WriteBuffer::BackToDirty(Slab& slab) {
  if (slab.dirty == nullptr) {
    slab.dirty = std::make_shared<SlabBuffer>(slab_bytes_);
    slab.dirty_since = std::chrono::steady_clock::now();
  } else {
    Release(slab.sending->size_bytes());
  }
  slab.dirty->FillFrom(*slab.sending);
  slab.dirty_number = slab.sending_number;
  slab.dirty_end = slab.dirty->written().end();
  slab.wanted = true;
}

void WriteBuffer::Retain(uint64_t index, std::shared_ptr<SlabBuffer> buffer) {
  if (mount_->budget->has_waiters()) return Release(buffer->size_bytes());
  retained_bytes_ += buffer->size_bytes();
  retained_.push_back({uncommitted_.stores, index, std::move(buffer)});
  while (retained_bytes_ > kMaxRetainedBytes) DropRetainedUpTo(retained_.front().store);
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
  DropRetainedUpTo(UINT64_MAX);
}

void WriteBuffer::RetainedToDirty() {
  while (!retained_.empty()) {
    const Retained newest = std::move(retained_.back());
    retained_.pop_back();
    retained_bytes_ -= newest.buffer->size_bytes();
    Slab& slab = slabs_[newest.index];
    if (slab.dirty == nullptr) {
      slab.dirty = std::make_shared<SlabBuffer>(slab_bytes_);
    } else {
      Release(newest.buffer->size_bytes());
    }
    // What is on its way is newer.
    if (slab.sending != nullptr) slab.dirty->FillFrom(*slab.sending);
    slab.dirty->FillFrom(*newest.buffer);
    slab.dirty_number = 0;  // older than all that is written now
    slab.dirty_since = std::chrono::steady_clock::now();
    slab.dirty_end = slab.dirty->written().end();
    slab.wanted = true;
  }
}

}  // namespace weft::client
