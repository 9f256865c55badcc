#include "client/cli/admin_client.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/grpcpp.h>

#include <cerrno>
#include <utility>

#include "common/status.h"
#include "common/uuid.h"
#include "common/wire/channel.h"
#include "proto/cluster.grpc.pb.h"
#include "proto/metadata.pb.h"

namespace weft::cli {
namespace {

constexpr std::chrono::milliseconds kConnectTimeout{3'000};
constexpr int kMaxStatusBytes = 64 << 20;  // a cluster map with every bound reached: some 10 MiB

std::unique_ptr<wire::Channel> MakeChannel(const std::string& address,
                                           const std::string& cluster_id) {
  wire::ChannelOptions options;
  options.address = address;
  options.connect_timeout = kConnectTimeout;
  options.identity = {NewUuid(), "weft", [cluster_id] { return cluster_id; }};
  return wire::Channel::Make(std::move(options));
}

absl::Status Unreachable(const std::string& server, const absl::Status& status) {
  return Annotate(status, absl::StrCat("no answer from the metadata-server at ", server,
                                       " (is weft-metadata running there? --server or WEFT_SERVER "
                                       "names another address)"));
}

absl::StatusOr<proto::GetServerInfoReply> GetServerInfo(const std::string& server) {
  // Without a cluster id: whichever cluster it is of may answer.
  const std::unique_ptr<wire::Channel> channel = MakeChannel(server, "");
  const proto::GetServerInfoRequest request;
  proto::GetServerInfoReply reply;
  const absl::StatusOr<size_t> called = channel->Call({.method = proto::GET_SERVER_INFO,
                                                       .request = &request,
                                                       .reply = &reply,
                                                       .timeout = kAdminTimeout});
  if (!called.ok()) return Unreachable(server, called.status());
  return reply;
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

void SetDeadline(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + kAdminTimeout);
}

}  // namespace

struct AdminClient::Stub {
  std::unique_ptr<proto::AdminService::Stub> admin;
};

void AddAdminOptions(config::Command& command, AdminOptions* options) {
  command.AddAddress({.name = "server", .help = "Wire address of the metadata-server"},
                     config::Command::Port::kReal, &options->server);
  AddJsonFlag(command, &options->json);
}

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Connect(std::string server) {
  WEFT_ASSIGN_OR_RETURN(const proto::GetServerInfoReply info, GetServerInfo(server));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxStatusBytes);
  // A cluster's own network needs no proxy, whatever the environment says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto stub = std::make_unique<Stub>();
  stub->admin = proto::AdminService::NewStub(
      grpc::CreateCustomChannel(ReachableAddress(info.control_address(), server),
                                grpc::InsecureChannelCredentials(), arguments));
  return std::unique_ptr<AdminClient>(new AdminClient(std::move(server), std::move(stub)));
}

AdminClient::AdminClient(std::string server, std::unique_ptr<Stub> stub)
    : server_(std::move(server)), stub_(std::move(stub)) {}

AdminClient::~AdminClient() = default;

absl::StatusOr<proto::GetStatusReply> AdminClient::GetStatus() {
  grpc::ClientContext context;
  SetDeadline(&context);
  proto::GetStatusReply reply;
  const absl::Status status =
      FromGrpc(stub_->admin->GetStatus(&context, proto::GetStatusRequest(), &reply));
  if (!status.ok()) return Annotate(status, "ask " + server_ + " for its status");
  return reply;
}

absl::StatusOr<proto::Node> AdminClient::AddNode(std::string_view name) {
  grpc::ClientContext context;
  SetDeadline(&context);
  proto::AddNodeRequest request;
  request.set_name(std::string(name));
  proto::AddNodeReply reply;
  const absl::Status status = FromGrpc(stub_->admin->AddNode(&context, request, &reply));
  if (!status.ok()) return Annotate(status, absl::StrCat("add node ", request.name()));
  return reply.node();
}

absl::StatusOr<proto::ListLocksReply> AdminClient::ListLocks(
    const proto::ListLocksRequest& request) {
  grpc::ClientContext context;
  SetDeadline(&context);
  proto::ListLocksReply reply;
  const absl::Status status = FromGrpc(stub_->admin->ListLocks(&context, request, &reply));
  if (!status.ok()) return Annotate(status, "ask " + server_ + " for its locks");
  return reply;
}

absl::StatusOr<proto::GetStatusReply> GetClusterStatus(const std::string& server) {
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<AdminClient> client, AdminClient::Connect(server));
  return client->GetStatus();
}

absl::StatusOr<Pong> PingNode(const std::string& address, const std::string& cluster_id) {
  const std::unique_ptr<wire::Channel> channel = MakeChannel(address, cluster_id);
  const proto::PingRequest request;
  Pong pong;
  const wire::CallSpec call = {
      .method = proto::PING, .request = &request, .reply = &pong.reply, .timeout = kConnectTimeout};
  // The first one also connects; the second is what a call costs.
  WEFT_RETURN_IF_ERROR(channel->Call(call).status());
  const auto start = std::chrono::steady_clock::now();
  WEFT_RETURN_IF_ERROR(channel->Call(call).status());
  pong.round_trip = std::chrono::steady_clock::now() - start;
  return pong;
}

std::string ReachableAddress(std::string_view control_address, std::string_view server) {
  const size_t colon = control_address.rfind(':');
  if (colon == std::string_view::npos) return std::string(control_address);
  const std::string_view host = control_address.substr(0, colon);
  if (!host.empty() && host != "0.0.0.0" && host != "[::]") return std::string(control_address);
  return absl::StrCat(std::string(server.substr(0, server.rfind(':'))),
                      std::string(control_address.substr(colon)));
}

}  // namespace weft::cli
