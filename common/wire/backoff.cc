#include "common/wire/backoff.h"

#include <algorithm>
#include <random>
#include <thread>

namespace weft::wire {
namespace {

using std::chrono::milliseconds;

// SplitMix64: jitter needs no better generator.
uint64_t NextRandom(uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
  return mixed ^ (mixed >> 31);
}

}  // namespace

Backoff::Backoff(TimePoint deadline, milliseconds first, milliseconds most)
    : deadline_(deadline),
      next_(std::max(first, milliseconds(1))),
      most_(std::max(most, milliseconds(1))) {
  next_ = std::min(next_, most_);
}

milliseconds Backoff::Next() {
  if (!is_seeded_) {
    random_ = std::random_device{}();
    is_seeded_ = true;
  }
  // Between a half and all of it: callers that failed together do not come back together.
  const auto least = static_cast<uint64_t>((next_.count() + 1) / 2);
  const auto range = static_cast<uint64_t>(next_.count()) - least + 1;
  const auto wait = milliseconds(least + NextRandom(random_) % range);
  next_ = std::min(next_ * 2, most_);
  return wait;
}

bool Backoff::Wait() {
  const TimePoint now = std::chrono::steady_clock::now();
  if (now >= deadline_) return false;
  std::this_thread::sleep_until(std::min(now + Next(), deadline_));
  return true;
}

milliseconds Backoff::Left() const {
  const TimePoint now = std::chrono::steady_clock::now();
  if (now >= deadline_) return milliseconds(1);
  return std::max(std::chrono::duration_cast<milliseconds>(deadline_ - now), milliseconds(1));
}

}  // namespace weft::wire
