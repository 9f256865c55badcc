// A disk in memory that loses unsynced bytes at a power loss and fails calls on demand.
//
// The FaultDisk is the hardware; Connect gives the Disk that a process uses, which dies with the
// PowerSwitch. PowerLoss, called while the switch is off, decides for each 4 KiB block that was
// written since its file's last successful Sync: the newest bytes stay, or those of an earlier
// write or of the last sync, or two of these torn at a sector. A file whose name was not synced may
// vanish. A failed Sync dooms what it should have made durable: no later Sync does it, and it is
// decided upon when the process dies (Kill), too. Thread-safe; PowerLoss and Kill not while handles
// are in use.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/limits.h"
#include "common/mutex.h"
#include "common/unique_fd.h"
#include "storage-server/chunks/disk.h"
#include "storage-server/chunks/testing/power_switch.h"

namespace weft::storage {

class FaultDisk {
 public:
  FaultDisk(PowerSwitch* power, uint64_t total_bytes, uint32_t seed)
      : power_(power), total_bytes_(total_bytes), random_(seed) {}

  [[nodiscard]] std::shared_ptr<Disk> Connect();

  void Kill();
  void PowerLoss();

  // The next such call fails with that errno, once.
  void FailNextWrite(int error);
  void FailNextRead(int error);
  void FailNextSync(int error);
  // Flips a bit of what the file holds, durably.
  void Damage(const std::string& name, uint64_t offset_bytes);

 private:
  friend class FaultFile;
  friend class FaultDiskHandle;

  using Block = std::array<std::byte, kBlockBytes>;
  struct Content {
    UniqueFd memory;  // what a read sees
    uint64_t size_bytes = 0;
    bool name_durable = false;
    // Per block: what it held before each write since the last sync, oldest first.
    std::map<uint64_t, std::vector<Block>> unsynced;
    std::map<uint64_t, std::vector<Block>> doomed;
  };

  void Decide(Content* content, std::map<uint64_t, std::vector<Block>>* blocks)
      WEFT_REQUIRES(mutex_);

  PowerSwitch* const power_;
  const uint64_t total_bytes_;

  Mutex mutex_;
  std::mt19937 random_ WEFT_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<Content>> files_ WEFT_GUARDED_BY(mutex_);
  int next_write_error_ WEFT_GUARDED_BY(mutex_) = 0;
  int next_read_error_ WEFT_GUARDED_BY(mutex_) = 0;
  int next_sync_error_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::storage
