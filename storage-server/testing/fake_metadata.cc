#include "storage-server/testing/fake_metadata.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "common/status.h"
#include "proto/metadata.pb.h"

namespace weft::storage {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{60'000};  // only a test that fails waits so long
constexpr milliseconds kHeartbeat{20};
constexpr milliseconds kStreamPoll{20};  // how often a stream looks whether its client has gone

}  // namespace

FakeMetadata::FakeMetadata(std::string cluster_id, uint32_t first_target_id)
    : first_target_id_(first_target_id), cluster_id_(std::move(cluster_id)) {
  StartControl();
  wire::ServerOptions options;
  options.name = "fake metadata-server";
  options.cluster_id = [this] {
    MutexLock lock(&mutex_);
    return cluster_id_;
  };
  auto server = wire::Server::Start(std::move(options), this);
  if (!server.ok()) std::abort();
  wire_ = std::move(*server);
}

FakeMetadata::~FakeMetadata() {
  wire_->Stop();
  StopControl();
}

void FakeMetadata::StopControl() {
  if (control_ == nullptr) return;
  {
    MutexLock lock(&mutex_);
    streams_end_ = true;
    changed_.SignalAll();
  }
  control_->Shutdown(std::chrono::system_clock::now());
  control_->Wait();
  control_ = nullptr;
}

void FakeMetadata::StartControl() {
  {
    MutexLock lock(&mutex_);
    streams_end_ = false;
  }
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  control_ = builder.BuildAndStart();
  if (control_ == nullptr) std::abort();
  MutexLock lock(&mutex_);
  // No host: the storage-server is to take that of the wire address.
  control_address_ = "0.0.0.0:" + std::to_string(port);
}

void FakeMetadata::Publish(proto::ClusterMap map) {
  MutexLock lock(&mutex_);
  map_ = std::move(map);
  changed_.SignalAll();
}

void FakeMetadata::SetCluster(const std::string& cluster_id) {
  MutexLock lock(&mutex_);
  cluster_id_ = cluster_id;
}

void FakeMetadata::SetLease(milliseconds lease) {
  MutexLock lock(&mutex_);
  lease_ = lease;
}

void FakeMetadata::RefuseRegistrations(grpc::Status status) {
  MutexLock lock(&mutex_);
  refusal_ = std::move(status);
}

void FakeMetadata::ForgetNode() {
  MutexLock lock(&mutex_);
  known_ = false;
}

void FakeMetadata::MuteStreams() {
  MutexLock lock(&mutex_);
  mute_before_ = streams_;
}

bool FakeMetadata::AwaitRegistrations(int count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(&mutex_);
  while (registrations_ < count) {
    if (!changed_.WaitUntil(&mutex_, deadline)) return registrations_ >= count;
  }
  return true;
}

bool FakeMetadata::AwaitHeartbeat() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(&mutex_);
  const int before = heartbeats_;
  while (heartbeats_ == before) {
    if (!changed_.WaitUntil(&mutex_, deadline)) return heartbeats_ != before;
  }
  return true;
}

int FakeMetadata::registrations() {
  MutexLock lock(&mutex_);
  return registrations_;
}

proto::RegisterRequest FakeMetadata::last_registration() {
  MutexLock lock(&mutex_);
  return last_registration_;
}

grpc::Status FakeMetadata::Register(grpc::ServerContext* /*context*/,
                                    const proto::RegisterRequest* request,
                                    proto::RegisterReply* reply) {
  MutexLock lock(&mutex_);
  if (!refusal_.ok()) return refusal_;
  last_registration_ = *request;
  reply->set_cluster_id(cluster_id_);
  reply->set_node_id(1);
  reply->set_state(proto::NODE_ONLINE);
  reply->set_heartbeat_ms(static_cast<uint32_t>(kHeartbeat.count()));
  reply->set_lease_ms(static_cast<uint32_t>(lease_.count()));
  for (int i = 0; i < request->targets_size(); ++i) {
    proto::Target& target = *reply->add_targets();
    target.set_uuid(request->targets(i).uuid());
    target.set_target_id(first_target_id_ + static_cast<uint32_t>(i));
  }
  known_ = true;
  ++registrations_;
  changed_.SignalAll();
  return grpc::Status::OK;
}

grpc::Status FakeMetadata::Heartbeat(grpc::ServerContext* /*context*/,
                                     const proto::HeartbeatRequest* /*request*/,
                                     proto::HeartbeatReply* reply) {
  MutexLock lock(&mutex_);
  reply->set_known(known_);
  reply->set_state(proto::NODE_ONLINE);
  reply->set_map_epoch(map_.epoch());
  ++heartbeats_;
  changed_.SignalAll();
  return grpc::Status::OK;
}

grpc::Status FakeMetadata::WatchMap(grpc::ServerContext* context,
                                    const proto::WatchMapRequest* request,
                                    grpc::ServerWriter<proto::ClusterMap>* writer) {
  uint64_t sent_epoch = request->known_epoch();
  MutexLock lock(&mutex_);
  const int stream = streams_++;
  while (!streams_end_ && !context->IsCancelled()) {
    if (map_.epoch() <= sent_epoch || stream < mute_before_) {
      changed_.WaitFor(&mutex_, kStreamPoll);
      continue;
    }
    const proto::ClusterMap map = map_;
    lock.Unlock();
    const bool sent = writer->Write(map);
    lock.Lock();
    if (!sent) break;
    sent_epoch = map.epoch();
  }
  return grpc::Status::OK;
}

void FakeMetadata::Handle(const wire::Request& request, wire::Responder& responder) {
  if (request.method != proto::GET_SERVER_INFO) {
    responder.Error(PosixError(EOPNOTSUPP, "the fake has only GET_SERVER_INFO"));
    return;
  }
  proto::GetServerInfoReply reply;
  {
    MutexLock lock(&mutex_);
    reply.set_cluster_id(cluster_id_);
    reply.set_control_address(control_address_);
  }
  responder.Ok(reply);
}

}  // namespace weft::storage
