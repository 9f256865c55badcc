#include "storage-server/cluster/control_plane.h"

#include <grpcpp/grpcpp.h>

#include <cerrno>

#include "common/status.h"
#include "common/uuid.h"
#include "common/wire/channel.h"
#include "proto/metadata.pb.h"

namespace weft::storage {
namespace {

constexpr int kMaxMapBytes = 64 << 20;  // of a cluster map with every bound reached: some 10 MiB
// gRPC's own reconnecting: well below a lease, so that a metadata-server that is back is found
// soon.
constexpr int kFirstReconnectMs = 100;
constexpr int kMostReconnectMs = 1000;

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMapBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMostReconnectMs);
  // A cluster's own network needs no proxy, whatever the environment says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Each channel has connections of its own: a new channel is a new attempt to connect.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

std::string_view HostOf(std::string_view address) { return address.substr(0, address.rfind(':')); }

}  // namespace

std::string ReachableAddress(std::string_view control_address, std::string_view metadata_address) {
  const size_t colon = control_address.rfind(':');
  if (colon == std::string_view::npos) return std::string(control_address);
  const std::string_view host = control_address.substr(0, colon);
  if (!host.empty() && host != "0.0.0.0" && host != "[::]") return std::string(control_address);
  return std::string(HostOf(metadata_address)) + std::string(control_address.substr(colon));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

absl::StatusOr<ControlPlane> FindControlPlane(const std::string& metadata_address,
                                              const std::string& own_name,
                                              std::chrono::milliseconds timeout) {
  wire::ChannelOptions options;
  options.address = metadata_address;
  options.connect_timeout = timeout;
  // Introduces itself without a cluster, so that a metadata-server of another cluster answers who
  // it is instead of closing the connection.
  options.identity = {NewUuid(), "storage " + own_name, [] { return std::string(); }};
  const std::unique_ptr<wire::Channel> channel = wire::Channel::Make(std::move(options));

  const proto::GetServerInfoRequest request;
  proto::GetServerInfoReply reply;
  wire::CallSpec call;
  call.method = proto::GET_SERVER_INFO;
  call.request = &request;
  call.reply = &reply;
  call.timeout = timeout;
  const absl::StatusOr<size_t> answered = channel->Call(call);
  if (!answered.ok()) return Annotate(answered.status(), "metadata-server " + metadata_address);
  if (reply.control_address().empty()) {
    return PosixError(EPROTO, "metadata-server " + metadata_address + " names no gRPC address");
  }

  ControlPlane plane;
  plane.cluster_id = reply.cluster_id();
  plane.address = ReachableAddress(reply.control_address(), metadata_address);
  plane.stub = proto::ClusterService::NewStub(
      grpc::CreateCustomChannel(plane.address, grpc::InsecureChannelCredentials(), Arguments()));
  return plane;
}

}  // namespace weft::storage
