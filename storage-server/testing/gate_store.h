// A ChunkStore whose changes a test can hold up before they get their chunk. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/mutex.h"
#include "storage-server/chunks/chunk_store.h"

namespace weft::storage {

class GateStore final : public ChunkStore {
 public:
  explicit GateStore(std::unique_ptr<ChunkStore> store) : store_(std::move(store)) {}

  // The next Write or Punch waits, once, until Open.
  void CloseForOne() {
    const MutexLock lock(&mutex_);
    closed_ = true;
  }
  // Returns when a change waits.
  void AwaitWaiter() {
    const MutexLock lock(&mutex_);
    while (!waits_) changed_.Wait(&mutex_);
  }
  void Open() {
    const MutexLock lock(&mutex_);
    waits_ = false;
    changed_.SignalAll();
  }

  absl::StatusOr<ChunkInfo> Write(const ChunkWrite& write) override {
    Pass();
    return store_->Write(write);
  }
  absl::StatusOr<ChunkInfo> Punch(const ChunkPunch& punch) override {
    Pass();
    return store_->Punch(punch);
  }
  absl::StatusOr<ChunkRead> Read(ChunkId chunk, uint32_t offset_bytes,
                                 uint32_t length_bytes) override {
    return store_->Read(chunk, offset_bytes, length_bytes);
  }
  absl::Status Copy(const ChunkRead& read, std::span<std::byte> out) override {
    return store_->Copy(read, out);
  }
  absl::Status Sync() override { return store_->Sync(); }
  absl::StatusOr<uint32_t> TruncateContent(ContentId content, uint64_t size_bytes,
                                           uint32_t chunk_bytes_log2, uint32_t cut) override {
    return store_->TruncateContent(content, size_bytes, chunk_bytes_log2, cut);
  }
  absl::StatusOr<uint64_t> RemoveContent(ContentId content) override {
    return store_->RemoveContent(content);
  }
  absl::StatusOr<ChunkInfo> Stat(ChunkId chunk) const override { return store_->Stat(chunk); }
  absl::StatusOr<ContentEnd> End(ContentId content) const override { return store_->End(content); }
  absl::StatusOr<ContentPage> List(ContentId content, uint32_t first_chunk,
                                   uint32_t max_chunks) const override {
    return store_->List(content, first_chunk, max_chunks);
  }
  Space space() const override { return store_->space(); }
  std::string fault() const override { return store_->fault(); }
  std::string durability_id() const override { return store_->durability_id(); }

 private:
  void Pass() {
    const MutexLock lock(&mutex_);
    if (!std::exchange(closed_, false)) return;
    waits_ = true;
    changed_.SignalAll();
    while (waits_) changed_.Wait(&mutex_);
  }

  const std::unique_ptr<ChunkStore> store_;
  Mutex mutex_;
  CondVar changed_;
  bool closed_ WEFT_GUARDED_BY(mutex_) = false;
  bool waits_ WEFT_GUARDED_BY(mutex_) = false;
};

}  // namespace weft::storage
