// Time, passed in so that tests can turn it. Durations and deadlines use the monotonic clock only; what
// users see (mtime and so on) is wall-clock time. Implementations are thread-safe.
#pragma once

#include <chrono>
#include <cstdint>

namespace weft {

class Clock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  // Monotonic.
  [[nodiscard]] virtual TimePoint Now() const = 0;
  // Nanoseconds since the Unix epoch.
  [[nodiscard]] virtual int64_t WallNs() const = 0;
};

// The machine's clocks. Lives for ever.
[[nodiscard]] Clock& SystemClock();

}  // namespace weft
