#include "metadata-server/service/control_services.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "common/status.h"
#include "metadata-server/service/map_streams.h"
#include "proto/cluster.grpc.pb.h"

namespace weft::metadata {
namespace {

// For calls in progress when the server stops.
constexpr std::chrono::seconds kStopWait{2};
constexpr int kPingIntervalMs = 30'000;
constexpr int kPingTimeoutMs = 10'000;
constexpr int kMaxThreads = 64;  // of the calls that take one; others wait

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), MessageOf(status)};
}

// Registrations and heartbeats are short and take a thread each; map streams would take one for
// ever and so go by gRPC's callbacks.
class ClusterServiceImpl final
    : public proto::ClusterService::WithCallbackMethod_WatchMap<proto::ClusterService::Service> {
 public:
  explicit ClusterServiceImpl(Membership* membership)
      : membership_(membership), streams_(&membership->publisher()) {}

  grpc::Status Register(grpc::ServerContext*, const proto::RegisterRequest* request,
                        proto::RegisterReply* reply) override {
    absl::StatusOr<proto::RegisterReply> registered = membership_->Register(*request);
    if (!registered.ok()) return ToGrpc(registered.status());
    *reply = *std::move(registered);
    return grpc::Status::OK;
  }

  grpc::Status Heartbeat(grpc::ServerContext*, const proto::HeartbeatRequest* request,
                         proto::HeartbeatReply* reply) override {
    absl::StatusOr<proto::HeartbeatReply> heard = membership_->Heartbeat(*request);
    if (!heard.ok()) return ToGrpc(heard.status());
    *reply = *std::move(heard);
    return grpc::Status::OK;
  }

  grpc::ServerWriteReactor<proto::ClusterMap>* WatchMap(
      grpc::CallbackServerContext*, const proto::WatchMapRequest* request) override {
    return streams_.Open(MapEpoch(request->known_epoch()));
  }

  void Stop() { streams_.Stop(); }

 private:
  Membership* const membership_;
  MapStreams streams_;
};

class AdminServiceImpl final : public proto::AdminService::Service {
 public:
  AdminServiceImpl(Membership* membership, ControlServer::Options options)
      : membership_(membership), options_(std::move(options)) {}

  grpc::Status GetStatus(grpc::ServerContext*, const proto::GetStatusRequest*,
                         proto::GetStatusReply* reply) override {
    options_.fill_status(reply);
    *reply->mutable_map() = membership_->Describe();
    return grpc::Status::OK;
  }

  grpc::Status AddNode(grpc::ServerContext*, const proto::AddNodeRequest* request,
                       proto::AddNodeReply* reply) override {
    absl::StatusOr<proto::Node> node = membership_->AddNode(request->name());
    if (!node.ok()) return ToGrpc(node.status());
    *reply->mutable_node() = *std::move(node);
    return grpc::Status::OK;
  }

  grpc::Status ListLocks(grpc::ServerContext*, const proto::ListLocksRequest* request,
                         proto::ListLocksReply* reply) override {
    *reply = options_.list_locks(*request);
    return grpc::Status::OK;
  }

 private:
  Membership* const membership_;
  const ControlServer::Options options_;
};

class ControlServerImpl final : public ControlServer {
 public:
  ControlServerImpl(Options options, Membership* membership)
      : cluster_(membership), admin_(membership, std::move(options)) {}
  ~ControlServerImpl() override { Stop(); }

  absl::Status Listen(const std::string& address) {
    // Our own messages say what a person needs; gRPC's go where ours go.
    gpr_set_log_function([](gpr_log_func_args* line) { spdlog::debug("gRPC: {}", line->message); });
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    builder.SetResourceQuota(grpc::ResourceQuota("control").SetMaxThreads(kMaxThreads));
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port in use is an error
    // A receiver of maps that vanished without a word is found by pings.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingIntervalMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&cluster_);
    builder.RegisterService(&admin_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return PosixError(EADDRINUSE, "cannot listen at " + address +
                                        " for the control plane; is the port in use? Choose "
                                        "another one with --control-listen");
    }
    address_ = address.substr(0, address.rfind(':') + 1) + std::to_string(port);
    SetServing(true);
    return absl::OkStatus();
  }

  std::string address() const override { return address_; }

  void SetServing(bool serving) override {
    server_->GetHealthCheckService()->SetServingStatus(serving);
  }

  void Stop() override {
    if (server_ == nullptr) return;
    cluster_.Stop();
    server_->Shutdown(std::chrono::system_clock::now() + kStopWait);
    server_->Wait();
  }

 private:
  ClusterServiceImpl cluster_;
  AdminServiceImpl admin_;
  std::unique_ptr<grpc::Server> server_;  // after the services that it calls
  std::string address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(Options options,
                                                                    Membership* membership) {
  const std::string address = options.listen_address;
  auto server = std::make_unique<ControlServerImpl>(std::move(options), membership);
  WEFT_RETURN_IF_ERROR(server->Listen(address));
  return server;
}

}  // namespace weft::metadata
