// The cluster map as this mount knows it. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "common/cluster_map/cluster_map.h"
#include "common/mutex.h"

namespace weft::client {

class MapCache {
 public:
  // Asks the metadata-server, once, for a map newer than `known`; one that is not newer is ignored.
  using Fetch = std::function<absl::StatusOr<proto::ClusterMap>(MapEpoch known)>;

  // `fetch` may be called until the end, from any thread, by one thread at a time.
  explicit MapCache(Fetch fetch) : fetch_(std::move(fetch)) {}

  // Null before the first successful fetch.
  [[nodiscard]] std::shared_ptr<const ClusterMap> Current() const WEFT_EXCLUDES(mutex_);

  // Fetches the map. Callers that come while a fetch is on its way share its result. After an error
  // the old map stays.
  absl::Status Refresh() WEFT_EXCLUDES(mutex_);

  // Fetches the map if it is older than `epoch`.
  absl::Status RefreshTo(MapEpoch epoch) WEFT_EXCLUDES(mutex_);

 private:
  const Fetch fetch_;
  mutable Mutex mutex_;
  CondVar fetched_;
  std::shared_ptr<const ClusterMap> map_ WEFT_GUARDED_BY(mutex_);
  bool fetching_ WEFT_GUARDED_BY(mutex_) = false;
  uint64_t fetches_ WEFT_GUARDED_BY(mutex_) = 0;
  absl::Status last_result_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
