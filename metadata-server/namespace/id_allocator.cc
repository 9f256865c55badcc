#include "metadata-server/namespace/id_allocator.h"

#include <algorithm>

#include "common/status.h"
#include "metadata-server/store/big_endian.h"

namespace weft::metadata {

absl::StatusOr<std::unique_ptr<IdAllocator>> IdAllocator::Load(KvStore* store, std::string_view key,
                                                               uint64_t first, uint64_t end) {
  uint64_t mark = first;
  const absl::StatusOr<std::string> row = store->Get(Family::kMeta, key);
  if (row.ok()) {
    if (row->size() != kBigEndianBytes) {
      return PosixError(EIO, "the metadata store is damaged: bad row " + std::string(key));
    }
    mark = ReadBigEndian(*row);
  } else if (ErrnoOf(row.status()) != ENOENT) {
    return row.status();
  }
  return std::unique_ptr<IdAllocator>(new IdAllocator(store, key, mark, end));
}

absl::StatusOr<uint64_t> IdAllocator::Next() {
  MutexLock lock(&mutex_);
  if (next_ == mark_) WEFT_RETURN_IF_ERROR(Reserve());
  return next_++;
}

absl::Status IdAllocator::Reserve() {
  if (mark_ == end_) return PosixError(ENOSPC, "no ids are left (" + key_ + ")");
  const uint64_t mark = mark_ + std::min(kIdRange, end_ - mark_);
  std::string value;
  AppendBigEndian(&value, mark);
  Batch batch;
  batch.Put(Family::kMeta, key_, value);
  WEFT_RETURN_IF_ERROR(store_->Commit(batch));
  WEFT_RETURN_IF_ERROR(store_->Sync());
  mark_ = mark;
  return absl::OkStatus();
}

}  // namespace weft::metadata
