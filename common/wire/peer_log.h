// Warnings about peers, so many a second, so that a peer that goes wrong again and again does not
// fill the log. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "common/mutex.h"

namespace weft::wire {

class PeerLog {
 public:
  // Logs the line, or counts it for the next that is logged.
  void Warn(std::string_view line) WEFT_EXCLUDES(mutex_);

 private:
  static constexpr uint32_t kMostPerSecond = 10;

  Mutex mutex_;
  std::chrono::steady_clock::time_point second_ WEFT_GUARDED_BY(mutex_);  // when it began
  uint32_t logged_ WEFT_GUARDED_BY(mutex_) = 0;                           // in this second
  uint64_t left_out_ WEFT_GUARDED_BY(mutex_) = 0;                         // since the last line
};

}  // namespace weft::wire
