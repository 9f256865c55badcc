// Tells whether the reads of one handle are a sequential stream, and how far to read ahead of it.
//
// The kernel sends several reads of one stream at once and they arrive in any order, so a read
// belongs to the stream when it is near its front. Thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>

#include "client/core/intervals.h"
#include "common/mutex.h"

namespace weft::client {

class StreamDetector {
 public:
  // What to have in memory ahead of the stream, after a read of [offset, offset + length); empty
  // where there is no stream.
  Interval OnRead(uint64_t offset, uint64_t length, uint64_t max_window) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    const uint64_t end = offset + length;
    const uint64_t near = std::min(kMaxNear, kReadsInFlight * length);
    const bool belongs = offset <= front_ + near && end + near >= front_;
    if (!belongs) {
      front_ = end;
      reads_ = 1;
      window_ = 0;
      return {};
    }
    if (end <= front_) return {};  // late, or again
    front_ = end;
    if (++reads_ < kReadsOfStream) return {};
    window_ = std::min(max_window, window_ == 0 ? std::max(kFirstWindow, 4 * length) : 2 * window_);
    return {front_, front_ + window_};
  }

 private:
  static constexpr uint64_t kReadsInFlight = 8;  // of one stream, out of order
  static constexpr uint64_t kMaxNear = uint64_t{8} << 20;
  static constexpr uint64_t kFirstWindow = uint64_t{1} << 20;
  static constexpr uint32_t kReadsOfStream = 2;

  Mutex mutex_;
  uint64_t front_ WEFT_GUARDED_BY(mutex_) = 0;
  uint64_t window_ WEFT_GUARDED_BY(mutex_) = 0;
  uint32_t reads_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::client
