// Hands out ids that are never used twice, not even after power loss: an id is given only once a
// mark above it is durable. Ids that were reserved and not used are lost with the process.
// Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/mutex.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// How many ids one commit and sync reserve.
inline constexpr uint64_t kIdRange = 1 << 16;

class IdAllocator {
 public:
  // `key` is the mark's row in kMeta; `first` is the first id of a new store. Ids are below `end`.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<IdAllocator>> Load(KvStore* store,
                                                                         std::string_view key,
                                                                         uint64_t first,
                                                                         uint64_t end);

  // ENOSPC: all ids are used. An error of the store: no id was given.
  [[nodiscard]] absl::StatusOr<uint64_t> Next() WEFT_EXCLUDES(mutex_);

 private:
  IdAllocator(KvStore* store, std::string_view key, uint64_t mark, uint64_t end)
      : store_(store), key_(key), end_(end), next_(mark), mark_(mark) {}
  absl::Status Reserve() WEFT_REQUIRES(mutex_);

  KvStore* const store_;
  const std::string key_;
  const uint64_t end_;

  Mutex mutex_;
  uint64_t next_ WEFT_GUARDED_BY(mutex_);
  uint64_t mark_ WEFT_GUARDED_BY(mutex_);  // durable: ids below may be given
};

}  // namespace weft::metadata
