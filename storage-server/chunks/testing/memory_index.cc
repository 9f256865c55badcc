#include "storage-server/chunks/testing/memory_index.h"

#include <cerrno>
#include <utility>

#include "common/status.h"

namespace weft::storage {
namespace {

absl::Status Dead() { return PosixError(EIO, "the machine is off"); }

}  // namespace

class MemoryIndexHandle final : public ChunkIndex {
 public:
  explicit MemoryIndexHandle(MemoryIndex* index) : index_(index), cycle_(index->power_->cycle()) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    const MutexLock lock(&index_->mutex_);
    if (!index_->power_->On(cycle_)) return Dead();
    return Find(key);
  }

  absl::Status Apply(std::span<const Change> batch) override {
    const MutexLock lock(&index_->mutex_);
    if (!index_->power_->On(cycle_)) return Dead();
    if (const int error = std::exchange(index_->next_apply_error_, 0); error != 0) {
      return PosixError(error, "apply: on demand");
    }
    ++index_->applies_;
    MemoryIndex::Undo undo;
    for (const Change& change : batch) {
      undo.insert(undo.begin(), {change.key, Find(change.key)});
      if (change.value) {
        index_->rows_[change.key] = *change.value;
      } else {
        index_->rows_.erase(change.key);
      }
    }
    index_->unsynced_.push_back(std::move(undo));
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    const MutexLock lock(&index_->mutex_);
    if (!index_->power_->On(cycle_)) return Dead();
    if (const int error = std::exchange(index_->next_sync_error_, 0); error != 0) {
      return PosixError(error, "sync: on demand");
    }
    index_->unsynced_.clear();
    return absl::OkStatus();
  }

  absl::Status Scan(
      std::string_view first, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    std::map<std::string, std::string> found;
    {
      const MutexLock lock(&index_->mutex_);
      if (!index_->power_->On(cycle_)) return Dead();
      found.insert(index_->rows_.lower_bound(first), index_->rows_.lower_bound(end));
    }
    for (const auto& [key, value] : found) {
      if (!visit(key, value)) break;
    }
    return absl::OkStatus();
  }

 private:
  std::optional<std::string> Find(std::string_view key) const WEFT_REQUIRES(index_->mutex_) {
    const auto at = index_->rows_.find(key);
    if (at == index_->rows_.end()) return std::nullopt;
    return at->second;
  }

  MemoryIndex* const index_;
  const uint64_t cycle_;
};

std::shared_ptr<ChunkIndex> MemoryIndex::Connect() {
  return std::make_shared<MemoryIndexHandle>(this);
}

void MemoryIndex::PowerLoss() {
  const MutexLock lock(&mutex_);
  for (size_t dropped = random_() % (unsynced_.size() + 1); dropped > 0; --dropped) {
    for (ChunkIndex::Change& change : unsynced_.back()) {
      if (change.value) {
        rows_[change.key] = *std::move(change.value);
      } else {
        rows_.erase(change.key);
      }
    }
    unsynced_.pop_back();
  }
  unsynced_.clear();
}

void MemoryIndex::FailNextApply(int error) {
  const MutexLock lock(&mutex_);
  next_apply_error_ = error;
}
void MemoryIndex::FailNextSync(int error) {
  const MutexLock lock(&mutex_);
  next_sync_error_ = error;
}
uint64_t MemoryIndex::applies() const {
  const MutexLock lock(&mutex_);
  return applies_;
}

}  // namespace weft::storage
