// Freed blocks that may not be used again yet.
//
// sendfile hands pages of a segment to a socket without copying them: a block that is overwritten
// while its page waits there would be sent with its new bytes. So freed blocks wait here for kTime,
// and while a read that began before they were freed holds them. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "storage-server/chunks/extents.h"

namespace weft::storage {

class Quarantine {
 public:
  static constexpr std::chrono::seconds kTime{10};
  // With more entries than this, the oldest need not wait for the time.
  static constexpr size_t kMaxEntries = size_t{1} << 18;

  explicit Quarantine(Clock* clock) : clock_(clock) {}

  // A read begins: nothing freed from now on is given back until SetRuns says what the read holds.
  // Call it before looking up where the blocks are, and EndRead at last.
  [[nodiscard]] uint64_t BeginRead();
  void SetRuns(uint64_t read, std::vector<BlockRun> runs);
  void EndRead(uint64_t read);

  void Add(std::vector<BlockRun> runs);

  // Blocks that may be used again, which leave the quarantine.
  [[nodiscard]] std::vector<BlockRun> TakeDue();
  // The same without regard to the time, only to reads: where space is out.
  [[nodiscard]] std::vector<BlockRun> TakeAll();

  [[nodiscard]] uint64_t blocks() const;

 private:
  struct Entry {
    Clock::TimePoint due;
    uint64_t before_read = 0;  // reads that began later cannot hold these blocks
    std::vector<BlockRun> runs;
  };

  [[nodiscard]] bool IsHeld(const Entry& entry) const WEFT_REQUIRES(mutex_);
  void Release(const Entry& entry, std::vector<BlockRun>* out) WEFT_REQUIRES(mutex_);

  Clock* const clock_;

  mutable Mutex mutex_;
  std::map<uint64_t, std::optional<std::vector<BlockRun>>> reads_ WEFT_GUARDED_BY(mutex_);
  uint64_t next_read_ WEFT_GUARDED_BY(mutex_) = 0;
  std::deque<Entry> entries_ WEFT_GUARDED_BY(mutex_);  // in order of `due`
  uint64_t blocks_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::storage
