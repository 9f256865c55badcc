// Tells the clients when there is a newer cluster map (MAP_CHANGED), as well as can be: who does
// not hear it learns it from its next keep-alive. Thread-safe.
#pragma once

#include <thread>

#include "common/ids.h"
#include "common/mutex.h"
#include "common/wire/server.h"
#include "metadata-server/cluster/map_publisher.h"

namespace weft::metadata {

class MapNotifier {
 public:
  // Starts a thread of its own. Pointers must outlive it.
  MapNotifier(MapPublisher* publisher, wire::Server* server);
  ~MapNotifier();

 private:
  // Tells of maps newer than `told`.
  void Run(MapEpoch told);
  // Waits for a map newer than `told`. False: stop.
  [[nodiscard]] bool WaitForNewer(MapEpoch told) WEFT_EXCLUDES(mutex_);

  MapPublisher* const publisher_;
  wire::Server* const server_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;

  const MapPublisher::Subscription subscription_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace weft::metadata
