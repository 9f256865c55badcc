#include "storage-server/chunks/superseded.h"

#include <algorithm>
#include <utility>

namespace weft::storage {
namespace {

std::vector<BlockRun> UnionOf(std::vector<BlockRun> runs,
                              const std::vector<HeldVersion>& versions) {
  for (const HeldVersion& version : versions) runs = Union(std::move(runs), version.runs);
  return runs;
}

}  // namespace

std::vector<BlockRun> SupersededBlocks::Replace(ChunkId chunk, HeldVersion old, HeldVersion fresh) {
  const MutexLock lock(&mutex_);
  std::vector<HeldVersion> replaced = {std::move(old)};
  const auto entry = chunks_.find(chunk);
  if (entry != chunks_.end()) {
    std::move(entry->second.previous.begin(), entry->second.previous.end(),
              std::back_inserter(replaced));
  }
  std::vector<BlockRun> before = UnionOf({}, replaced);
  std::vector<HeldVersion> needed = NeededAfter(std::move(replaced), fresh.epoch, completed_);
  std::vector<BlockRun> freed = Difference(std::move(before), UnionOf(fresh.runs, needed));
  if (needed.empty()) {
    chunks_.erase(chunk);
  } else {
    chunks_[chunk] = {std::move(fresh), std::move(needed)};
  }
  return freed;
}

void SupersededBlocks::Remove(ChunkId chunk, const HeldVersion& old, uint64_t epoch) {
  const MutexLock lock(&mutex_);
  HeldVersion held{epoch, old.runs};
  const auto entry = chunks_.find(chunk);
  if (entry != chunks_.end()) {
    held.runs = UnionOf(std::move(held.runs), entry->second.previous);
    chunks_.erase(entry);
  }
  removed_.push_back(std::move(held));
}

std::vector<BlockRun> SupersededBlocks::Complete(uint64_t epoch) {
  const MutexLock lock(&mutex_);
  completed_ = epoch;
  std::vector<BlockRun> freed;
  const auto give_up = [&freed](std::vector<BlockRun> runs, std::vector<BlockRun> needed) {
    const std::vector<BlockRun> free = Difference(std::move(runs), std::move(needed));
    freed.insert(freed.end(), free.begin(), free.end());
  };
  absl::erase_if(chunks_, [&](auto& item) {
    Entry& entry = item.second;
    if (entry.current.epoch <= epoch) {
      give_up(UnionOf({}, entry.previous), entry.current.runs);
      return true;
    }
    std::vector<BlockRun> before = UnionOf({}, entry.previous);
    entry.previous = NeededAfter(std::move(entry.previous), entry.current.epoch, epoch);
    give_up(std::move(before), UnionOf(entry.current.runs, entry.previous));
    return false;
  });
  std::erase_if(removed_, [&](HeldVersion& removed) {
    if (removed.epoch > epoch) return false;
    give_up(std::move(removed.runs), {});
    return true;
  });
  return freed;
}

size_t SupersededBlocks::size() const {
  const MutexLock lock(&mutex_);
  return chunks_.size() + removed_.size();
}

}  // namespace weft::storage
