#include "metadata-server/namespace/inode_locks.h"

#include <algorithm>

namespace weft::metadata {

InodeLocks::Guard InodeLocks::Lock(std::initializer_list<InodeId> inodes) {
  Guard::Ids ids;
  for (const InodeId inode : inodes) {
    if (!inode.is_none()) ids.push_back(inode);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const InodeId inode : ids) LockOne(inode);
  return Guard(this, std::move(ids));
}

std::optional<InodeLocks::Guard> InodeLocks::TryLock(InodeId inode) {
  Shard& shard = ShardOf(inode);
  MutexLock lock(&shard.mutex);
  const auto [entry, is_new] = shard.entries.try_emplace(inode);
  if (!is_new) return std::nullopt;
  entry->second.is_held = true;
  entry->second.user_count = 1;
  return Guard(this, {inode});
}

void InodeLocks::LockOne(InodeId inode) {
  Shard& shard = ShardOf(inode);
  MutexLock lock(&shard.mutex);
  Entry& entry = shard.entries[inode];
  ++entry.user_count;
  while (entry.is_held) entry.released.Wait(&shard.mutex);
  entry.is_held = true;
}

void InodeLocks::Unlock(const Guard::Ids& inodes) {
  for (const InodeId inode : inodes) {
    Shard& shard = ShardOf(inode);
    MutexLock lock(&shard.mutex);
    const auto entry = shard.entries.find(inode);
    entry->second.is_held = false;
    if (--entry->second.user_count == 0) {
      shard.entries.erase(entry);
    } else {
      entry->second.released.Signal();
    }
  }
}

}  // namespace weft::metadata
