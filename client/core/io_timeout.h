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

  // One step of what an application asked for, on this thread: while it lives, whatever the thread
  // asks servers for is given up at one deadline, however often it is repeated. Within another one
  // it changes nothing. Steps that follow each other have their own: bytes that could be written
  // are not given up because others took long.
  class Step {
   public:
    explicit Step(const IoTimeout& timeout) : outer_(step_deadline_) {
      step_deadline_ = std::min(outer_, timeout.Deadline());
    }
    ~Step() { step_deadline_ = outer_; }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    const TimePoint outer_;
  };

  // When a request that starts now is given up.
  [[nodiscard]] TimePoint Deadline() const {
    const TimePoint last(TimePoint::duration(last_.load(std::memory_order_relaxed)));
    return std::min({std::chrono::steady_clock::now() + timeout_, last, step_deadline_});
  }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }

  // From now on no call is tried beyond the timeout counted from here: the mount is ending.
  void BeginShutdown() {
    last_.store((std::chrono::steady_clock::now() + timeout_).time_since_epoch().count(),
                std::memory_order_relaxed);
  }

 private:
  static inline thread_local TimePoint step_deadline_ = TimePoint::max();

  const std::chrono::milliseconds timeout_;
  std::atomic<TimePoint::rep> last_{TimePoint::max().time_since_epoch().count()};
};

}  // namespace weft::client
