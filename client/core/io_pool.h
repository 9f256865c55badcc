// Threads for what goes on behind the application: writing out, reading ahead, committing sizes.
//
// Tasks go into lanes, one for each server. No lane may have more than a share of the threads, so
// that a server that hangs does not hold up the work for others. Tasks of a lane start in order.
// Queues are bounded by those who submit (each by its memory). Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"

namespace weft::client {

class IoPool {
 public:
  using Lane = uint64_t;
  using Task = std::function<void()>;
  static constexpr Lane kMetadataLane = 0;  // storage-servers: their NodeId

  explicit IoPool(uint32_t threads);
  // Runs what is queued, then ends the threads.
  ~IoPool();
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  void Submit(Lane lane, Task task) WEFT_EXCLUDES(mutex_);

  // A place in a lane for the calling thread, while it lives.
  class Place {
   public:
    Place(IoPool* pool, Lane lane) : pool_(pool), lane_(lane) {}
    Place(Place&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), lane_(other.lane_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (pool_ != nullptr) pool_->Leave(lane_);
    }

   private:
    IoPool* pool_;
    Lane lane_;
  };
  // Nothing where the lane has its share already: its server is slow, or away.
  [[nodiscard]] std::optional<Place> TryEnter(Lane lane) WEFT_EXCLUDES(mutex_);

 private:
  struct LaneState {
    std::deque<Task> tasks;
    uint32_t running = 0;
    bool ready = false;  // in ready_
  };

  void Run();
  void Leave(Lane lane) WEFT_EXCLUDES(mutex_);
  // Puts the lane into ready_ if one of its tasks may start.
  void Wake(Lane lane, LaneState& state) WEFT_REQUIRES(mutex_);

  const uint32_t share_;  // running tasks of one lane
  std::vector<std::thread> threads_;

  Mutex mutex_;
  CondVar work_;
  absl::flat_hash_map<Lane, LaneState> lanes_ WEFT_GUARDED_BY(mutex_);
  std::deque<Lane> ready_ WEFT_GUARDED_BY(mutex_);
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  uint32_t queued_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::client
