// Waiting times between retries: doubling, with jitter, until a deadline. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>

namespace weft::wire {

class Backoff {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // The first wait is about `first`, each next about double, none over `most`.
  explicit Backoff(TimePoint deadline,
                   std::chrono::milliseconds first = std::chrono::milliseconds(5),
                   std::chrono::milliseconds most = std::chrono::milliseconds(500));

  // Sleeps before the next try. False, without sleeping, once the deadline has passed.
  [[nodiscard]] bool Wait();
  // How long to wait before the next try, for those who wait in their own way.
  [[nodiscard]] std::chrono::milliseconds Next();
  [[nodiscard]] TimePoint deadline() const { return deadline_; }
  // Time left, at least 1 ms.
  [[nodiscard]] std::chrono::milliseconds Left() const;

 private:
  TimePoint deadline_;
  std::chrono::milliseconds next_;
  std::chrono::milliseconds most_;
  uint64_t random_ = 0;
  bool is_seeded_ = false;  // at the first wait: most calls need none, and it takes microseconds
};

}  // namespace weft::wire
