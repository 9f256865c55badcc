// How long calls to servers are tried. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace weft::client {

class IoTimeout {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit IoTimeout(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  // When a call that starts now is given up.
  [[nodiscard]] TimePoint Deadline() const {
    const TimePoint last(TimePoint::duration(last_.load(std::memory_order_relaxed)));
    return std::min(std::chrono::steady_clock::now() + timeout_, last);
  }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }

  // From now on no call is tried beyond the timeout counted from here: the mount is ending.
  void BeginShutdown() {
    last_.store((std::chrono::steady_clock::now() + timeout_).time_since_epoch().count(),
                std::memory_order_relaxed);
  }

 private:
  const std::chrono::milliseconds timeout_;
  std::atomic<TimePoint::rep> last_{TimePoint::max().time_since_epoch().count()};
};

}  // namespace weft::client
