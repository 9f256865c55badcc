#include "metadata-server/service/control_services.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>

#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "common/uuid.h"
#include "metadata-server/store/kv_store.h"
#include "proto/cluster.grpc.pb.h"

namespace weft::metadata {
namespace {

constexpr std::chrono::seconds kLong{60};  // only a failing test waits for so long

class ControlServicesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto membership = Membership::Open({}, store_.get(), &clock_);
    ASSERT_TRUE(membership.ok()) << membership.status();
    membership_ = std::move(*membership);
    auto server = ControlServer::Start(
        {.listen_address = "127.0.0.1:0",
         .fill_status = [](proto::GetStatusReply* reply) { reply->set_inodes(42); }},
        membership_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    channel_ = grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(),
                                         arguments);
    cluster_ = proto::ClusterService::NewStub(channel_);
    admin_ = proto::AdminService::NewStub(channel_);
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Stop();
  }

  static void SetDeadline(grpc::ClientContext* context) {
    context->set_deadline(std::chrono::system_clock::now() + kLong);
  }
  grpc::Status Register(const proto::RegisterRequest& request, proto::RegisterReply* reply) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return cluster_->Register(&context, request, reply);
  }
  grpc::Status AddNode(const std::string& name, proto::AddNodeReply* reply) {
    grpc::ClientContext context;
    SetDeadline(&context);
    proto::AddNodeRequest request;
    request.set_name(name);
    return admin_->AddNode(&context, request, reply);
  }
  static proto::RegisterRequest Node(const std::string& name) {
    proto::RegisterRequest request;
    request.set_node_uuid(NewUuid());
    request.set_name(name);
    request.set_address("127.0.0.1:7410");
    request.add_targets()->set_uuid(NewUuid());
    return request;
  }

  // grpc.health.v1.Health/Check, whose messages are empty and {1: status}; 1 is SERVING.
  int HealthStatus() {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    SetDeadline(&context);
    grpc::CompletionQueue queue;
    const grpc::ByteBuffer request;
    const grpc::Slice empty("");
    grpc::ByteBuffer check(&empty, 1);
    auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", check, &queue);
    call->StartCall();
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->Finish(&reply, &status, &queue);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<grpc::Slice> slices;
    std::string bytes;
    if (!reply.Dump(&slices).ok()) return -1;
    for (const grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    return bytes.size() == 2 && bytes[0] == 8 ? bytes[1] : -1;
  }

  ManualClock clock_;
  std::unique_ptr<KvStore> store_ = NewMemoryKvStore();
  std::unique_ptr<Membership> membership_;
  std::unique_ptr<ControlServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<proto::ClusterService::Stub> cluster_;
  std::unique_ptr<proto::AdminService::Stub> admin_;
};

TEST_F(ControlServicesTest, ANodeRegistersIsAddedAndBeats) {
  const proto::RegisterRequest node = Node("n1");
  proto::RegisterReply registered;
  ASSERT_TRUE(Register(node, &registered).ok());
  EXPECT_EQ(registered.state(), proto::NODE_PENDING);
  proto::AddNodeReply added;
  ASSERT_TRUE(AddNode("n1", &added).ok());
  EXPECT_EQ(added.node().state(), proto::NODE_ONLINE);

  grpc::ClientContext context;
  SetDeadline(&context);
  proto::HeartbeatRequest beat;
  beat.set_node_uuid(node.node_uuid());
  proto::HeartbeatReply heard;
  ASSERT_TRUE(cluster_->Heartbeat(&context, beat, &heard).ok());
  EXPECT_TRUE(heard.known());
  EXPECT_EQ(heard.map_epoch(), membership_->publisher().Current()->epoch().value());
}

TEST_F(ControlServicesTest, RefusalsKeepTheirCodeAndText) {
  proto::AddNodeReply added;
  const grpc::Status unknown = AddNode("n9", &added);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_NE(unknown.error_message().find("n9"), std::string::npos);
  proto::RegisterRequest node = Node("n1");
  node.set_cluster_id(NewUuid());
  proto::RegisterReply registered;
  EXPECT_EQ(Register(node, &registered).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ControlServicesTest, StatusHasTheMapAndTheRest) {
  grpc::ClientContext context;
  SetDeadline(&context);
  proto::GetStatusReply status;
  ASSERT_TRUE(admin_->GetStatus(&context, proto::GetStatusRequest(), &status).ok());
  EXPECT_EQ(status.inodes(), 42u);
  EXPECT_EQ(status.map().cluster_id(), membership_->cluster_id());
}

TEST_F(ControlServicesTest, AWatchGetsTheMapAtOnceAndEveryNewOne) {
  grpc::ClientContext context;
  SetDeadline(&context);
  const auto reader = cluster_->WatchMap(&context, proto::WatchMapRequest());
  proto::ClusterMap map;
  ASSERT_TRUE(reader->Read(&map));
  EXPECT_EQ(map.epoch(), 1u);
  proto::RegisterReply registered;
  ASSERT_TRUE(Register(Node("n1"), &registered).ok());
  ASSERT_TRUE(reader->Read(&map));
  EXPECT_EQ(map.epoch(), 2u);
  EXPECT_EQ(map.nodes_size(), 1);
  context.TryCancel();
  while (reader->Read(&map)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ControlServicesTest, AWatchThatKnowsTheMapWaitsForTheNext) {
  grpc::ClientContext context;
  SetDeadline(&context);
  proto::WatchMapRequest request;
  request.set_known_epoch(1);
  const auto reader = cluster_->WatchMap(&context, request);
  proto::RegisterReply registered;
  ASSERT_TRUE(Register(Node("n1"), &registered).ok());
  proto::ClusterMap map;
  ASSERT_TRUE(reader->Read(&map));
  EXPECT_EQ(map.epoch(), 2u);
}

TEST_F(ControlServicesTest, ManyWatchesTakeNoThreadsFromOtherCalls) {
  constexpr int kWatches = 200;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<proto::ClusterMap>>> readers;
  proto::ClusterMap map;
  for (int i = 0; i < kWatches; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    SetDeadline(contexts.back().get());
    readers.push_back(cluster_->WatchMap(contexts.back().get(), proto::WatchMapRequest()));
    ASSERT_TRUE(readers.back()->Read(&map));
  }
  proto::RegisterReply registered;
  ASSERT_TRUE(Register(Node("n1"), &registered).ok());
  for (const auto& reader : readers) {
    ASSERT_TRUE(reader->Read(&map));
    EXPECT_EQ(map.epoch(), 2u);
  }
  server_->Stop();
  for (const auto& reader : readers) {
    EXPECT_FALSE(reader->Read(&map));
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
}

TEST_F(ControlServicesTest, HealthTellsWhetherTheServerServes) {
  EXPECT_EQ(HealthStatus(), 1);
  server_->SetServing(false);
  EXPECT_EQ(HealthStatus(), 2);
}

TEST_F(ControlServicesTest, ReflectionIsThere) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  SetDeadline(&context);
  grpc::CompletionQueue queue;
  const grpc::Slice empty("");
  auto call = stub.PrepareUnaryCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      grpc::ByteBuffer(&empty, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer reply;
  grpc::Status status;
  call->Finish(&reply, &status, &queue);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_NE(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
}

TEST_F(ControlServicesTest, APortInUseIsAnErrorThatNamesIt) {
  const auto second = ControlServer::Start(
      {.listen_address = server_->address(), .fill_status = [](proto::GetStatusReply*) {}},
      membership_.get());
  EXPECT_EQ(ErrnoOf(second.status()), EADDRINUSE);
  EXPECT_NE(MessageOf(second.status()).find(server_->address()), std::string::npos);
}

}  // namespace
}  // namespace weft::metadata
