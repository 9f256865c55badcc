// The newest cluster map, and who wants to know when there is a newer one. It does not know where
// maps come from. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "common/cluster_map/cluster_map.h"
#include "common/mutex.h"

namespace weft::metadata {

class MapPublisher {
 public:
  using Listener = std::function<void()>;
  using Subscription = uint64_t;

  explicit MapPublisher(std::shared_ptr<const ClusterMap> first) : map_(std::move(first)) {}

  [[nodiscard]] std::shared_ptr<const ClusterMap> Current() const WEFT_EXCLUDES(mutex_);

  // Epochs rise: an older or equal map is ignored.
  void Publish(std::shared_ptr<const ClusterMap> map) WEFT_EXCLUDES(mutex_, listeners_mutex_);

  // `listener` is called after each Publish, on the publishing thread: it must not block, and must
  // not subscribe or unsubscribe. It may call Current.
  [[nodiscard]] Subscription Subscribe(Listener listener) WEFT_EXCLUDES(listeners_mutex_);
  // When this returns, the listener is not being called and never will be.
  void Unsubscribe(Subscription subscription) WEFT_EXCLUDES(listeners_mutex_);

 private:
  mutable Mutex mutex_;  // taken after listeners_mutex_, if both
  std::shared_ptr<const ClusterMap> map_ WEFT_GUARDED_BY(mutex_);

  Mutex listeners_mutex_;
  Subscription last_subscription_ WEFT_GUARDED_BY(listeners_mutex_) = 0;
  std::map<Subscription, Listener> listeners_ WEFT_GUARDED_BY(listeners_mutex_);
};

}  // namespace weft::metadata
