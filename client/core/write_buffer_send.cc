// WriteBuffer: what is sent when.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/core/write_buffer.h"
#include "common/status.h"
#include "common/wire/backoff.h"

namespace weft::client {
namespace {

// Slabs that one WriteOut has in flight at once.
constexpr size_t kMaxSlabsOfWriteOut = 16;
// Times that a slab is sent again because the content was cut meanwhile.
constexpr int kMaxCutsMet = 10;
// Servers agree on a cut within this time.
constexpr std::chrono::seconds kCutSettles{30};

}  // namespace

IoPool::Lane WriteBuffer::LaneOf(uint64_t index) const {
  const uint64_t chunk = (index * slab_bytes_) >> content_.chunk_bytes_log2();
  return mount_->io->NodeOf(content_, static_cast<uint32_t>(chunk)).value();
}

bool WriteBuffer::MaySend(uint64_t index, const Slab& slab) const {
  return slab.dirty != nullptr && slab.sending == nullptr && !slab.filling &&
         (index + 1) * slab_bytes_ <= hold_from_;
}

void WriteBuffer::Want(uint64_t index, Slab& slab) {
  slab.wanted = true;
  if (slab.queued || !MaySend(index, slab)) return;
  slab.queued = true;
  ++queued_;
  mount_->pool->Submit(LaneOf(index), [this, self = owner_->Self(), index] { SendQueued(index); });
}

void WriteBuffer::SendQueued(uint64_t index) {
  MutexLock lock(&mutex_);
  --queued_;
  const auto it = slabs_.find(index);
  if (it == slabs_.end()) return;
  it->second.queued = false;
  // Not now: it is wanted still, and queued again when what is in its way has ended.
  if (!it->second.wanted || !MaySend(index, it->second)) return;
  Sending sending[1] = {Begin(index, it->second)};
  lock.Unlock();
  Transmit(sending);
  lock.Lock();
  Finish(sending[0]);
}

bool WriteBuffer::SendOneHere(Which which) {
  MutexLock lock(&mutex_);
  for (auto& [index, slab] : slabs_) {
    if (!MaySend(index, slab) || (which == Which::kWanted && !slab.wanted)) continue;
    const auto place = mount_->pool->TryEnter(LaneOf(index));
    if (!place) continue;
    Sending sending[1] = {Begin(index, slab)};
    lock.Unlock();
    Transmit(sending);
    lock.Lock();
    Finish(sending[0]);
    return true;
  }
  return false;
}

void WriteBuffer::WriteOut() {
  MutexLock lock(&mutex_);
  const uint64_t last = writes_;
  for (;;) {
    bool wait = false;
    std::vector<Sending> batch;
    for (auto& [index, slab] : slabs_) {
      if (slab.sending != nullptr && slab.sending_number <= last) wait = true;
      if (slab.dirty == nullptr || slab.dirty_number > last) continue;
      if (MaySend(index, slab) && batch.size() < kMaxSlabsOfWriteOut) {
        batch.push_back(Begin(index, slab));
      } else {
        wait = true;
      }
    }
    if (!batch.empty()) {
      lock.Unlock();
      Transmit(batch);
      lock.Lock();
      for (Sending& sent : batch) Finish(sent);
    } else if (wait) {
      changed_.Wait(&mutex_);
    } else {
      return;
    }
  }
}

void WriteBuffer::WriteOutBehind(std::chrono::steady_clock::time_point time) {
  MutexLock lock(&mutex_);
  for (auto& [index, slab] : slabs_) {
    if (slab.dirty != nullptr && slab.dirty_since <= time) Want(index, slab);
  }
}

WriteBuffer::Sending WriteBuffer::Begin(uint64_t index, Slab& slab) {
  slab.sending = std::move(slab.dirty);
  slab.dirty = nullptr;
  slab.sending_number = slab.dirty_number;
  slab.sending_end = std::exchange(slab.dirty_end, 0);
  slab.wanted = false;
  ++sending_;
  Sending sending;
  sending.index = index;
  sending.buffer = slab.sending;
  return sending;
}

void WriteBuffer::Transmit(std::span<Sending> slabs) {
  const IoTimeout::Step step(*mount_->timeout);
  wire::Backoff backoff(std::chrono::steady_clock::now() + kCutSettles);
  for (int cuts = 0;; ++cuts) {
    const absl::StatusOr<proto::Content> content = owner_->ContentForWriting();
    if (!content.ok()) {
      for (Sending& slab : slabs) {
        if (slab.stored.empty() || !slab.status.ok()) slab.status = content.status();
      }
      return;
    }
    TransmitOnce(*content, slabs);
    const bool stale = std::any_of(slabs.begin(), slabs.end(), [](const Sending& slab) {
      return ErrnoOf(slab.status) == ESTALE;
    });
    if (!stale || cuts == kMaxCutsMet) return;
    const absl::Status refreshed = owner_->RefreshContent();
    if (!refreshed.ok()) return;
    if (owner_->CurrentContent().cut() == content->cut() && !backoff.Wait()) return;
  }
}

std::vector<WriteBuffer::Sending*> WriteBuffer::ToTransmit(std::span<Sending> slabs) {
  std::vector<Sending*> left;
  MutexLock lock(&mutex_);
  for (Sending& slab : slabs) {
    if (!slab.stored.empty() && slab.status.ok()) continue;
    slab.status = absl::OkStatus();
    slab.stored.clear();
    // Finish sees to what is abandoned.
    if (!slabs_.at(slab.index).abandoned) left.push_back(&slab);
  }
  return left;
}

void WriteBuffer::TransmitOnce(const proto::Content& content, std::span<Sending> slabs) {
  std::vector<ChunkWrite> writes;
  std::vector<Sending*> owners;  // of each write
  const uint32_t slab_bytes = SlabBytes(content.chunk_bytes_log2());
  for (Sending* const slab : ToTransmit(slabs)) {
    const uint64_t start = slab->index * slab_bytes;
    for (const Interval& part : slab->buffer->written().intervals()) {
      ChunkWrite& write = writes.emplace_back();
      const uint64_t at = start + part.begin;
      write.chunk = static_cast<uint32_t>(at >> content.chunk_bytes_log2());
      write.offset_bytes =
          static_cast<uint32_t>(at & ((uint64_t{1} << content.chunk_bytes_log2()) - 1));
      write.data = slab->buffer->bytes(part);
      slab->buffer->AppendPieceCrcs(part, &write.piece_crc32c);
      owners.push_back(slab);
    }
  }
  mount_->io->Write(content, writes);
  for (size_t i = 0; i < writes.size(); ++i) {
    if (writes[i].status.ok()) {
      const ChunkWrite& write = writes[i];
      owners[i]->stored.push_back({write.chunk, write.offset_bytes,
                                   static_cast<uint32_t>(write.data.size()), write.target,
                                   write.durability_id, write.used_bytes_added});
    } else if (owners[i]->status.ok() || ErrnoOf(writes[i].status) == ESTALE) {
      owners[i]->status = writes[i].status;
    }
  }
}

void WriteBuffer::HoldFrom(uint64_t offset) {
  MutexLock lock(&mutex_);
  hold_from_ = offset;
  for (;;) {
    const bool busy = std::any_of(slabs_.begin(), slabs_.end(), [&](const auto& entry) {
      mutex_.AssertHeld();
      return entry.second.sending != nullptr && (entry.first + 1) * slab_bytes_ > offset;
    });
    if (!busy) return;
    changed_.Wait(&mutex_);
  }
}

void WriteBuffer::Unhold(Held held) {
  MutexLock lock(&mutex_);
  // What Adopt moves here from the inline content may be filled in just now.
  if (held == Held::kCut) WaitUntilQuiet();
  const uint64_t offset = std::exchange(hold_from_, UINT64_MAX);
  if (held == Held::kCut) {
    for (auto& [index, slab] : slabs_) {
      const uint64_t start = index * slab_bytes_;
      if (slab.dirty == nullptr || start + slab.dirty_end <= offset) continue;
      slab.dirty->Forget(offset > start ? offset - start : 0, slab_bytes_);
      slab.dirty_end = slab.dirty->written().end();
      if (slab.dirty_end == 0) DropDirty(slab);
    }
    Tidy();
    uncommitted_.end_bytes = std::min(uncommitted_.end_bytes, offset);
    DropRetainedUpTo(UINT64_MAX);
    if (uncommitted_.end_bytes == 0) {  // all that was stored is cut
      has_uncommitted_ = false;
      uncommitted_.used_bytes_added = 0;
      not_retained_ = 0;
    }
  }
  SendWanted();
}

}  // namespace weft::client
