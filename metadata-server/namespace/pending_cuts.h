// Which inodes have a row in Family::kTruncate, so that nobody need ask the store. Thread-safe.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>

#include <vector>

#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

class PendingCuts {
 public:
  // Once, before the others.
  [[nodiscard]] absl::Status Load(const KvStore& store);

  void Add(InodeId inode);
  void Remove(InodeId inode);
  [[nodiscard]] bool Contains(InodeId inode) const;
  [[nodiscard]] std::vector<InodeId> All() const;

 private:
  mutable Mutex mutex_;
  absl::flat_hash_set<InodeId> inodes_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
