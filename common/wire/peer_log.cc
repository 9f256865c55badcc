#include "common/wire/peer_log.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace weft::wire {

void PeerLog::Warn(std::string_view line) {
  uint64_t left_out = 0;
  {
    const auto now = std::chrono::steady_clock::now();
    MutexLock lock(&mutex_);
    if (now - second_ >= std::chrono::seconds(1)) {
      second_ = now;
      logged_ = 0;
    }
    if (logged_ == kMostPerSecond) {
      ++left_out_;
      return;
    }
    ++logged_;
    left_out = std::exchange(left_out_, 0);
  }
  spdlog::warn("{}", line);
  if (left_out > 0) spdlog::warn("{} warnings about peers were left out before", left_out);
}

}  // namespace weft::wire
