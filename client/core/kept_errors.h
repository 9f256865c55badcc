// Errors of buffered writes, kept until each open handle has been told once. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cerrno>
#include <cstdint>

#include "common/mutex.h"
#include "common/status.h"

namespace weft::client {

// What the application is told: out of space or quota as such, all else as EIO.
[[nodiscard]] inline absl::Status WriteError(const absl::Status& error) {
  const int code = ErrnoOf(error);
  if (code == 0 || code == ENOSPC || code == EDQUOT || code == EFBIG || code == EIO) return error;
  return PosixError(EIO, MessageOf(error));
}

class KeptErrors {
 public:
  void Keep(const absl::Status& error) {
    MutexLock lock(&mutex_);
    ++count_;
    last_ = WriteError(error);
  }
  // Errors so far: where a new handle starts.
  [[nodiscard]] uint64_t count() const {
    MutexLock lock(&mutex_);
    return count_;
  }
  [[nodiscard]] absl::Status last() const {
    MutexLock lock(&mutex_);
    return last_;
  }
  // The last error if there was one after the first `*seen`, which is brought up to date.
  [[nodiscard]] absl::Status Report(uint64_t* seen) const {
    MutexLock lock(&mutex_);
    if (*seen == count_) return absl::OkStatus();
    *seen = count_;
    return last_;
  }

 private:
  mutable Mutex mutex_;
  uint64_t count_ WEFT_GUARDED_BY(mutex_) = 0;
  absl::Status last_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
