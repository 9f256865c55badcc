// The gRPC streams that send every new cluster map (ClusterService.WatchMap). A stream costs no
// thread; a slow receiver skips maps. Thread-safe.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <grpcpp/grpcpp.h>

#include <cstddef>

#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/cluster/map_publisher.h"
#include "proto/cluster.pb.h"

namespace weft::metadata {

inline constexpr size_t kMaxMapStreams = 16384;

class MapStreams {
 public:
  // `publisher` must outlive it.
  explicit MapStreams(MapPublisher* publisher);
  // All streams must be over: shut the gRPC server down first.
  ~MapStreams();

  // A stream for a call that has just begun; it deletes itself. RESOURCE_EXHAUSTED is sent where
  // there are kMaxMapStreams.
  [[nodiscard]] grpc::ServerWriteReactor<proto::ClusterMap>* Open(MapEpoch known)
      WEFT_EXCLUDES(mutex_);

  // Ends all streams, new ones too.
  void Stop() WEFT_EXCLUDES(mutex_);

 private:
  class Stream;

  void Offer() WEFT_EXCLUDES(mutex_);
  void Remove(Stream* stream) WEFT_EXCLUDES(mutex_);

  MapPublisher* const publisher_;
  // Taken before a stream's own lock. A stream in the set is not deleted while it is held.
  Mutex mutex_;
  absl::flat_hash_set<Stream*> streams_ WEFT_GUARDED_BY(mutex_);
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  const MapPublisher::Subscription subscription_;  // last: Offer uses the above
};

}  // namespace weft::metadata
