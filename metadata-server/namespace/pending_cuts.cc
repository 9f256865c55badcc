#include "metadata-server/namespace/pending_cuts.h"

#include "metadata-server/namespace/keys.h"

namespace weft::metadata {

absl::Status PendingCuts::Load(const KvStore& store) {
  return store.Scan(Family::kTruncate, {}, {}, [this](std::string_view key, std::string_view) {
    Add(InodeOfKey(key));
    return true;
  });
}

void PendingCuts::Add(InodeId inode) {
  MutexLock lock(&mutex_);
  inodes_.insert(inode);
}

void PendingCuts::Remove(InodeId inode) {
  MutexLock lock(&mutex_);
  inodes_.erase(inode);
}

bool PendingCuts::Contains(InodeId inode) const {
  MutexLock lock(&mutex_);
  return inodes_.contains(inode);
}

std::vector<InodeId> PendingCuts::All() const {
  MutexLock lock(&mutex_);
  return {inodes_.begin(), inodes_.end()};
}

}  // namespace weft::metadata
