#include "client/core/io_pool.h"

#include <algorithm>
#include <utility>

namespace weft::client {
namespace {

// A quarter of the threads for each server: three may hang before a fourth one is slowed down.
constexpr uint32_t kLanesAtOnce = 4;

}  // namespace

IoPool::IoPool(uint32_t threads) : share_(std::max(2u, threads / kLanesAtOnce)) {
  threads = std::max(2u, threads);
  threads_.reserve(threads);
  for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

IoPool::~IoPool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    work_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void IoPool::Submit(Lane lane, Task task) {
  MutexLock lock(&mutex_);
  LaneState& state = lanes_[lane];
  state.tasks.push_back(std::move(task));
  ++queued_;
  Wake(lane, state);
}

std::optional<IoPool::Place> IoPool::TryEnter(Lane lane) {
  MutexLock lock(&mutex_);
  LaneState& state = lanes_[lane];
  if (state.running >= share_) return std::nullopt;
  ++state.running;
  return Place(this, lane);
}

void IoPool::Leave(Lane lane) {
  MutexLock lock(&mutex_);
  LaneState& state = lanes_[lane];
  --state.running;
  Wake(lane, state);
}

void IoPool::Wake(Lane lane, LaneState& state) {
  if (state.ready || state.tasks.empty() || state.running >= share_) return;
  state.ready = true;
  ready_.push_back(lane);
  work_.Signal();
}

void IoPool::Run() {
  MutexLock lock(&mutex_);
  for (;;) {
    while (ready_.empty() && !(stopping_ && queued_ == 0)) work_.Wait(&mutex_);
    if (ready_.empty()) break;
    const Lane lane = ready_.front();
    ready_.pop_front();
    LaneState* state = &lanes_[lane];
    state->ready = false;
    if (state->tasks.empty() || state->running >= share_) continue;  // a caller entered meanwhile
    Task task = std::move(state->tasks.front());
    state->tasks.pop_front();
    --queued_;
    ++state->running;
    Wake(lane, *state);
    lock.Unlock();
    task();
    task = nullptr;
    lock.Lock();
    state = &lanes_[lane];
    --state->running;
    Wake(lane, *state);
    if (stopping_ && queued_ == 0) work_.SignalAll();
  }
}

}  // namespace weft::client
