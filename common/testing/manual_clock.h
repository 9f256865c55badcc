// A clock that stands until a test moves it. Thread-safe.
#pragma once

#include <atomic>

#include "common/clock.h"

namespace weft {

class ManualClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(std::chrono::nanoseconds(elapsed_ns_.load())); }
  int64_t WallNs() const override { return kStartWallNs + elapsed_ns_.load(); }
  void Advance(std::chrono::nanoseconds by) { elapsed_ns_ += by.count(); }

 private:
  static constexpr int64_t kStartWallNs = 1'700'000'000'000'000'000;
  std::atomic<int64_t> elapsed_ns_{1'000'000'000};
};

}  // namespace weft
