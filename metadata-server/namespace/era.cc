#include "metadata-server/namespace/era.h"

#include <cerrno>
#include <string>

#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/store/big_endian.h"

namespace weft::metadata {

absl::StatusOr<Era> Era::Load(KvStore* store) {
  const std::string id = store->durability_id();
  uint64_t number = 0;
  const absl::StatusOr<std::string> row = store->Get(Family::kMeta, kEraKey);
  if (row.ok()) {
    if (row->size() < kBigEndianBytes) {
      return PosixError(EIO, "the metadata store is damaged: bad row " + std::string(kEraKey));
    }
    number = ReadBigEndian(*row);
    if (row->substr(kBigEndianBytes) == id) return Era(number);
  } else if (ErrnoOf(row.status()) != ENOENT) {
    return row.status();
  }
  std::string value;
  AppendBigEndian(&value, ++number);
  value += id;
  Batch batch;
  batch.Put(Family::kMeta, kEraKey, value);
  WEFT_RETURN_IF_ERROR(store->Commit(batch));
  WEFT_RETURN_IF_ERROR(store->Sync());
  return Era(number);
}

}  // namespace weft::metadata
