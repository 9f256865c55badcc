// A ChunkIndex in memory that loses its last unsynced batches at a power loss and fails on demand.
//
// The MemoryIndex is what lies on disk; Connect gives the index that a process uses, which dies
// with the PowerSwitch. PowerLoss drops a random number of the batches since the last Sync, the
// newest first. Thread-safe; PowerLoss not while handles are in use.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "storage-server/chunks/chunk_index.h"
#include "storage-server/chunks/testing/power_switch.h"

namespace weft::storage {

class MemoryIndex {
 public:
  MemoryIndex(PowerSwitch* power, uint32_t seed) : power_(power), random_(seed) {}

  [[nodiscard]] std::shared_ptr<ChunkIndex> Connect();
  void PowerLoss();

  // The next such call fails with that errno, once.
  void FailNextApply(int error);
  void FailNextSync(int error);

  // Batches so far.
  [[nodiscard]] uint64_t applies() const;

 private:
  friend class MemoryIndexHandle;
  using Undo = std::vector<ChunkIndex::Change>;  // in the order in which to apply it

  PowerSwitch* const power_;

  mutable Mutex mutex_;
  uint64_t applies_ WEFT_GUARDED_BY(mutex_) = 0;
  std::mt19937 random_ WEFT_GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> rows_ WEFT_GUARDED_BY(mutex_);
  std::vector<Undo> unsynced_ WEFT_GUARDED_BY(mutex_);
  int next_apply_error_ WEFT_GUARDED_BY(mutex_) = 0;
  int next_sync_error_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::storage
