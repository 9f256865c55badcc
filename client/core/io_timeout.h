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

  // One call of an application, on this thread: while it lives, whatever the thread asks servers
  // for is given up at one deadline. Within another one it changes nothing.
  class Call {
   public:
    explicit Call(const IoTimeout& timeout) : outer_(call_deadline_) {
      call_deadline_ = std::min(outer_, timeout.Deadline());
    }
    ~Call() { call_deadline_ = outer_; }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    const TimePoint outer_;
  };

  // What is done within a Call for the whole file, with a deadline of its own: bytes that were
  // written before must not be given up because the call that sends them has waited for others.
  class OwnTime {
   public:
    explicit OwnTime(const IoTimeout& timeout) : outer_(call_deadline_) {
      call_deadline_ = TimePoint::max();
      call_deadline_ = timeout.Deadline();
    }
    ~OwnTime() { call_deadline_ = outer_; }
    OwnTime(const OwnTime&) = delete;
    OwnTime& operator=(const OwnTime&) = delete;

   private:
    const TimePoint outer_;
  };

  // When a request that starts now is given up.
  [[nodiscard]] TimePoint Deadline() const {
    const TimePoint last(TimePoint::duration(last_.load(std::memory_order_relaxed)));
    return std::min({std::chrono::steady_clock::now() + timeout_, last, call_deadline_});
  }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }

  // From now on no call is tried beyond the timeout counted from here: the mount is ending.
  void BeginShutdown() {
    last_.store((std::chrono::steady_clock::now() + timeout_).time_since_epoch().count(),
                std::memory_order_relaxed);
  }

 private:
  static inline thread_local TimePoint call_deadline_ = TimePoint::max();

  const std::chrono::milliseconds timeout_;
  std::atomic<TimePoint::rep> last_{TimePoint::max().time_since_epoch().count()};
};

}  // namespace weft::client
