#include "client/core/map_cache.h"

#include <utility>

#include "common/status.h"

namespace weft::client {

std::shared_ptr<const ClusterMap> MapCache::Current() const {
  MutexLock lock(&mutex_);
  return map_;
}

absl::Status MapCache::Refresh() {
  MutexLock lock(&mutex_);
  if (fetching_) {
    const uint64_t seen = fetches_;
    while (fetches_ == seen) fetched_.Wait(&mutex_);
    return last_result_;
  }
  fetching_ = true;
  const MapEpoch known = map_ != nullptr ? map_->epoch() : MapEpoch();
  lock.Unlock();
  std::shared_ptr<const ClusterMap> fresh;
  absl::Status result = [&]() -> absl::Status {
    WEFT_ASSIGN_OR_RETURN(proto::ClusterMap message, fetch_(known));
    if (message.epoch() <= known.value()) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(fresh, ClusterMap::Make(std::move(message)));
    return absl::OkStatus();
  }();
  lock.Lock();
  if (fresh != nullptr) map_ = std::move(fresh);
  fetching_ = false;
  ++fetches_;
  last_result_ = result;
  fetched_.SignalAll();
  return result;
}

absl::Status MapCache::RefreshTo(MapEpoch epoch) {
  const auto map = Current();
  if (map != nullptr && map->epoch() >= epoch) return absl::OkStatus();
  return Refresh();
}

}  // namespace weft::client
