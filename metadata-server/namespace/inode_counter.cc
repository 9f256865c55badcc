#include "metadata-server/namespace/inode_counter.h"

#include <spdlog/spdlog.h>

#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/store/big_endian.h"

namespace weft::metadata {

absl::StatusOr<std::unique_ptr<InodeCounter>> InodeCounter::Load(KvStore* store) {
  std::unique_ptr<InodeCounter> counter(new InodeCounter(store));
  WEFT_RETURN_IF_ERROR(counter->TakeStored());
  if (!counter->is_exact_) counter->StartCounting();
  return counter;
}

InodeCounter::~InodeCounter() {
  stopping_ = true;
  if (counting_.joinable()) counting_.join();
  if (!is_exact_ || !store_->fault().empty()) return;
  std::string value;
  AppendBigEndian(&value, count());
  Batch batch;
  batch.Put(Family::kMeta, kInodeCountKey, value);
  const absl::Status status = store_->Commit(batch);
  if (!status.ok()) spdlog::warn("the number of inodes is not kept: {}", MessageOf(status));
}

// The number is only good until the first change: it is taken out of the store before.
absl::Status InodeCounter::TakeStored() {
  const absl::StatusOr<std::string> row = store_->Get(Family::kMeta, kInodeCountKey);
  if (ErrnoOf(row.status()) == ENOENT) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(row.status());
  if (row->size() == kBigEndianBytes) {
    base_ = static_cast<int64_t>(ReadBigEndian(*row));
    is_exact_ = true;
  }
  Batch batch;
  batch.Delete(Family::kMeta, kInodeCountKey);
  return store_->Commit(batch);
}

void InodeCounter::StartCounting() {
  counting_ = std::thread([this] { CountRows(); });
  MutexLock lock(&mutex_);
  while (!has_snapshot_) snapshot_taken_.Wait(&mutex_);
}

void InodeCounter::CountRows() {
  const auto announce = [this] {
    MutexLock lock(&mutex_);
    has_snapshot_ = true;
    snapshot_taken_.SignalAll();
  };
  bool is_first = true;
  const absl::Status status =
      store_->Scan(Family::kInode, {}, {}, [&](std::string_view, std::string_view) {
        if (is_first) announce();
        is_first = false;
        ++base_;
        return !stopping_;
      });
  if (is_first) announce();
  if (!status.ok()) spdlog::error("cannot count the inodes: {}", MessageOf(status));
  is_exact_ = status.ok() && !stopping_;
}

}  // namespace weft::metadata
