// How much more a file may take before the metadata-server has to be asked what quotas leave.
//
// Bytes are written to storage-servers before the metadata-server hears of them, and it takes what
// was written (CommitWrite is never refused by a quota). So a file writes ahead of what is
// committed by no more than this: what is left, and of that an eighth, or 1 MiB where an eighth is
// less. Many writers at once exceed a limit by at most that much each. Thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/mutex.h"

namespace weft::client {

class QuotaAllowance {
 public:
  // An answer of the server: so much is left, not counting what is not committed yet. Nothing: no
  // quota limits the file's bytes.
  void Heard(std::optional<uint64_t> left_bytes) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    left_bytes_ = left_bytes;
  }
  // Takes so many bytes ahead; false: more than may be.
  [[nodiscard]] bool Take(uint64_t bytes) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    if (left_bytes_) {
      const uint64_t ahead = std::min(*left_bytes_, std::max(kAhead, *left_bytes_ / kAheadPart));
      if (ahead_bytes_ + bytes > ahead) return false;
    }
    ahead_bytes_ += bytes;
    return true;
  }
  // All that was written was committed, and then Heard: takes them if they fit at all.
  [[nodiscard]] bool TakeAfterCommit(uint64_t bytes) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    if (left_bytes_ && bytes > *left_bytes_) return false;
    ahead_bytes_ = bytes;
    return true;
  }
  // A commit told the server of so many bytes.
  void Committed(uint64_t bytes) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    ahead_bytes_ -= std::min(ahead_bytes_, bytes);
  }
  [[nodiscard]] bool is_limited() const WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    return left_bytes_.has_value();
  }

 private:
  static constexpr uint64_t kAhead = uint64_t{1} << 20;
  static constexpr uint64_t kAheadPart = 8;

  mutable Mutex mutex_;
  std::optional<uint64_t> left_bytes_ WEFT_GUARDED_BY(mutex_);
  uint64_t ahead_bytes_ WEFT_GUARDED_BY(mutex_) = 0;  // taken and not committed; may be too much
};

}  // namespace weft::client
