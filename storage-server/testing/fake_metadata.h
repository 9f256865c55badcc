// A metadata-server as a storage-server sees it, in this process: GET_SERVER_INFO on a real wire,
// and the gRPC ClusterService on a real port. What it answers is set by the test. Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "common/mutex.h"
#include "common/wire/server.h"
#include "proto/cluster.grpc.pb.h"

namespace weft::storage {

class FakeMetadata final : public proto::ClusterService::Service, public wire::Handler {
 public:
  // Serves at once. Registered targets get ids from `first_target_id` on.
  FakeMetadata(std::string cluster_id, uint32_t first_target_id);
  ~FakeMetadata() override;

  [[nodiscard]] std::string wire_address() const { return wire_->address(); }

  // The gRPC port goes away, with every open call; and comes back, as another one.
  void StopControl();
  void StartControl();

  void Publish(proto::ClusterMap map);
  void SetCluster(const std::string& cluster_id);
  void SetLease(std::chrono::milliseconds lease);
  // Registrations fail with this until it is OK again.
  void RefuseRegistrations(grpc::Status status);
  // Heartbeats say that the node is not known, until it registers again.
  void ForgetNode();
  // Map streams go on, but say nothing of maps that are published from now on.
  void MuteStreams();

  // Waits until this many registrations were answered, or, where that takes over half a minute,
  // gives up: false.
  [[nodiscard]] bool AwaitRegistrations(int count);
  [[nodiscard]] int registrations();
  [[nodiscard]] proto::RegisterRequest last_registration();
  [[nodiscard]] bool AwaitHeartbeat();  // one that comes after this call

  grpc::Status Register(grpc::ServerContext* context, const proto::RegisterRequest* request,
                        proto::RegisterReply* reply) override;
  grpc::Status Heartbeat(grpc::ServerContext* context, const proto::HeartbeatRequest* request,
                         proto::HeartbeatReply* reply) override;
  grpc::Status WatchMap(grpc::ServerContext* context, const proto::WatchMapRequest* request,
                        grpc::ServerWriter<proto::ClusterMap>* writer) override;

  void Handle(const wire::Request& request, wire::Responder& responder) override;

 private:
  const uint32_t first_target_id_;
  Mutex mutex_;
  CondVar changed_;
  std::string cluster_id_ WEFT_GUARDED_BY(mutex_);
  std::string control_address_ WEFT_GUARDED_BY(mutex_);
  proto::ClusterMap map_ WEFT_GUARDED_BY(mutex_);
  grpc::Status refusal_ WEFT_GUARDED_BY(mutex_);
  proto::RegisterRequest last_registration_ WEFT_GUARDED_BY(mutex_);
  std::chrono::milliseconds lease_ WEFT_GUARDED_BY(mutex_){10'000};
  int registrations_ WEFT_GUARDED_BY(mutex_) = 0;
  int heartbeats_ WEFT_GUARDED_BY(mutex_) = 0;
  // Streams opened before this count are mute.
  int streams_ WEFT_GUARDED_BY(mutex_) = 0;
  int mute_before_ WEFT_GUARDED_BY(mutex_) = 0;
  bool known_ WEFT_GUARDED_BY(mutex_) = false;
  bool streams_end_ WEFT_GUARDED_BY(mutex_) = false;

  std::unique_ptr<wire::Server> wire_;
  std::unique_ptr<grpc::Server> control_;
};

}  // namespace weft::storage
