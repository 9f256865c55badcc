// Waits for a newer cluster map than one already knows. One thread at a time.
#pragma once

#include <chrono>
#include <memory>

#include "metadata-server/cluster/map_publisher.h"

namespace weft::metadata {

class MapWaiter {
 public:
  // `publisher` must outlive it.
  explicit MapWaiter(MapPublisher* publisher)
      : publisher_(publisher), subscription_(publisher->Subscribe([this] { Wake(); })) {}
  ~MapWaiter() { publisher_->Unsubscribe(subscription_); }
  MapWaiter(const MapWaiter&) = delete;
  MapWaiter& operator=(const MapWaiter&) = delete;

  // The map of now: newer than `known`, or that after `at_most`.
  [[nodiscard]] std::shared_ptr<const ClusterMap> WaitForNewer(MapEpoch known,
                                                               std::chrono::milliseconds at_most) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    MutexLock lock(&mutex_);
    for (;;) {
      std::shared_ptr<const ClusterMap> map = publisher_->Current();
      if (map->epoch() > known || !published_.WaitUntil(&mutex_, deadline)) return map;
    }
  }

 private:
  void Wake() {
    MutexLock lock(&mutex_);  // between its look at the map and its wait, a waiter holds it
    published_.SignalAll();
  }

  MapPublisher* const publisher_;
  Mutex mutex_;
  CondVar published_;
  const MapPublisher::Subscription subscription_;  // last: Wake uses the above
};

}  // namespace weft::metadata
