#include "metadata-server/cluster/map_publisher.h"

#include <utility>

namespace weft::metadata {

std::shared_ptr<const ClusterMap> MapPublisher::Current() const {
  MutexLock lock(&mutex_);
  return map_;
}

void MapPublisher::Publish(std::shared_ptr<const ClusterMap> map) {
  MutexLock listeners_lock(&listeners_mutex_);
  {
    MutexLock lock(&mutex_);
    if (map->epoch() <= map_->epoch()) return;
    map_ = std::move(map);
  }
  for (const auto& [subscription, listener] : listeners_) listener();
}

MapPublisher::Subscription MapPublisher::Subscribe(Listener listener) {
  MutexLock lock(&listeners_mutex_);
  listeners_.emplace(++last_subscription_, std::move(listener));
  return last_subscription_;
}

void MapPublisher::Unsubscribe(Subscription subscription) {
  MutexLock lock(&listeners_mutex_);
  listeners_.erase(subscription);
}

}  // namespace weft::metadata
