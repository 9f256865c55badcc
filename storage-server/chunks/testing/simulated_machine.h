// A machine with a fault disk and a memory index, on which a chunk store is opened, killed, cut off
// and opened again. Not thread-safe; the open store is.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "common/testing/manual_clock.h"
#include "storage-server/chunks/local_store.h"
#include "storage-server/chunks/testing/fault_disk.h"
#include "storage-server/chunks/testing/memory_index.h"
#include "storage-server/chunks/testing/power_switch.h"

namespace weft::storage {

class SimulatedMachine {
 public:
  static constexpr uint32_t kSegmentBytes = 1u << 20;

  SimulatedMachine(uint32_t seed, uint64_t capacity_bytes)
      : capacity_bytes_(capacity_bytes),
        disk_(&power_, capacity_bytes * 2, seed),
        index_(&power_, seed + 1) {}

  [[nodiscard]] absl::Status Open() {
    store_.reset();
    auto store = LocalChunkStore::Open({.disk = disk_.Connect(),
                                        .index = index_.Connect(),
                                        .clock = &clock_,
                                        .target_uuid = "target",
                                        .boot_id = "boot " + std::to_string(boots_),
                                        .segment_bytes = kSegmentBytes,
                                        .capacity_bytes = capacity_bytes_});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return absl::OkStatus();
  }

  // In the order of a clean stop.
  void Close() { store_.reset(); }

  // The process dies; what it gave to the kernel lives.
  void Kill() {
    Die();
    disk_.Kill();
    power_.TurnOn();
  }
  void LosePower() {
    Die();
    disk_.PowerLoss();
    index_.PowerLoss();
    ++boots_;
    power_.TurnOn();
  }

  [[nodiscard]] LocalChunkStore& store() { return *store_; }
  [[nodiscard]] bool is_open() const { return store_ != nullptr; }
  PowerSwitch& power() { return power_; }
  FaultDisk& disk() { return disk_; }
  MemoryIndex& index() { return index_; }
  ManualClock& clock() { return clock_; }

 private:
  void Die() {
    power_.TurnOff();
    store_.reset();
  }

  const uint64_t capacity_bytes_;
  int boots_ = 0;
  PowerSwitch power_;
  ManualClock clock_;
  FaultDisk disk_;
  MemoryIndex index_;
  std::unique_ptr<LocalChunkStore> store_;
};

}  // namespace weft::storage
