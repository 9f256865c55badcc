// Keeps the cluster map of a ClusterView new: a thread that reads the metadata-server's WatchMap
// stream, opens it again when it ends, and does so for as long as it lives. Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <thread>

#include "common/mutex.h"
#include "proto/cluster.grpc.pb.h"
#include "storage-server/cluster/cluster_view.h"

namespace weft::storage {

class MapWatch {
 public:
  // `view` must outlive this.
  explicit MapWatch(ClusterView* view);
  // Stops as Stop does.
  ~MapWatch();
  MapWatch(const MapWatch&) = delete;
  MapWatch& operator=(const MapWatch&) = delete;

  // Watches through this stub from now on. A stream that is open is given up.
  void Use(std::shared_ptr<proto::ClusterService::Stub> stub);

  // Ends the stream and the thread. Idempotent.
  void Stop();

 private:
  void Run();
  // Reads one stream to its end.
  void ReadStream(proto::ClusterService::Stub& stub, grpc::ClientContext* context);

  ClusterView* const view_;
  Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<proto::ClusterService::Stub> stub_ WEFT_GUARDED_BY(mutex_);
  // Of the stream that is open, so that others can cancel it; null while there is none.
  std::shared_ptr<grpc::ClientContext> context_ WEFT_GUARDED_BY(mutex_);
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weft::storage
