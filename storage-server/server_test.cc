#include "storage-server/server.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "common/status.h"
#include "common/uuid.h"
#include "common/wire/channel.h"
#include "storage-server/advertised_address.h"
#include "storage-server/testing/fake_metadata.h"
#include "storage-server/testing/maps.h"
#include "storage-server/testing/temp_directory.h"

namespace weft::storage {
namespace {

using namespace std::chrono_literals;

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    metadata_.Publish(TestMap());
    options_ = DefaultOptions();
    options_.data = {directory_.Path("a")};
    options_.metadata = metadata_.wire_address();
    options_.name = "n1";
    options_.listen = "127.0.0.1:0";
    options_.capacity_bytes = 64 << 20;
  }

  absl::StatusOr<std::unique_ptr<Server>> Start() {
    return Server::Start(
        options_, [](const absl::Status& status) { ADD_FAILURE() << "refused: " << status; });
  }

  // Calls until the node serves; at most for a minute.
  static absl::Status Sync(const std::string& address) {
    wire::ChannelOptions channel_options;
    channel_options.address = address;
    channel_options.identity = {NewUuid(), "test", [] { return std::string(kTestClusterId); }};
    const auto channel = wire::Channel::Make(std::move(channel_options));
    proto::SyncTargetRequest request;
    request.mutable_route()->set_target_id(kTestTarget);
    request.mutable_route()->set_group(kWholeTarget);
    proto::SyncTargetReply reply;
    wire::CallSpec call;
    call.method = proto::SYNC_TARGET;
    call.request = &request;
    call.reply = &reply;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (true) {
      const absl::Status status = channel->Call(call).status();
      const bool may_pass = IsTransport(status) || ErrnoOf(status) == EAGAIN;
      if (!may_pass || std::chrono::steady_clock::now() > deadline) return status;
      std::this_thread::sleep_for(5ms);
    }
  }

  // The text with which the server must refuse to start.
  std::string StartError() {
    const auto server = Start();
    EXPECT_FALSE(server.ok());
    return server.ok() ? "" : MessageOf(server.status());
  }

  TempDirectory directory_;
  FakeMetadata metadata_{kTestClusterId, kTestTarget};
  Options options_;
};

TEST_F(ServerTest, StartsServesAndStartsAgainAsTheSameNode) {
  std::string node_uuid;
  for (int run = 1; run <= 2; ++run) {
    auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_TRUE(Sync((*server)->address()).ok());
    const proto::RegisterRequest request = metadata_.last_registration();
    EXPECT_EQ(request.address(), (*server)->address());
    if (run == 2) {
      EXPECT_EQ(request.node_uuid(), node_uuid);
    }
    node_uuid = request.node_uuid();
    (*server)->Stop();
    (*server)->Stop();
  }
}

TEST_F(ServerTest, AddedDirectoriesJoinTheNodeThatIsThere) {
  std::string node_uuid;
  {
    auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
    ASSERT_TRUE(metadata_.AwaitRegistrations(1));
    node_uuid = metadata_.last_registration().node_uuid();
  }
  options_.data = {directory_.Path("new"), directory_.Path("a")};
  auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(metadata_.AwaitRegistrations(2));
  EXPECT_EQ(metadata_.last_registration().node_uuid(), node_uuid);
  EXPECT_EQ(metadata_.last_registration().targets_size(), 2);
}

TEST_F(ServerTest, OneBadTargetAmongSeveralIsNamed) {
  std::filesystem::create_directory(directory_.Path("foreign"));
  std::ofstream(directory_.Path("foreign") + "/letter.txt") << "dear all";
  options_.data = {directory_.Path("a"), directory_.Path("foreign"), directory_.Path("b")};
  const std::string error = StartError();
  EXPECT_NE(error.find(directory_.Path("foreign")), std::string::npos) << error;
  EXPECT_EQ(error.find(directory_.Path("a") + ":"), std::string::npos) << error;
}

TEST_F(ServerTest, ADirectoryInUseIsNamed) {
  auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string error = StartError();
  EXPECT_NE(error.find(directory_.Path("a")), std::string::npos) << error;
}

TEST_F(ServerTest, APortInUseIsNamed) {
  auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  options_.data = {directory_.Path("b")};
  options_.listen = (*first)->address();
  const std::string error = StartError();
  EXPECT_NE(error.find((*first)->address()), std::string::npos) << error;
}

TEST_F(ServerTest, TargetsOfTwoNodesAreRefusedTogether) {
  for (const char* name : {"a", "b"}) {
    options_.data = {directory_.Path(name)};
    auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
  }
  options_.data = {directory_.Path("a"), directory_.Path("b")};
  const std::string error = StartError();
  EXPECT_NE(error.find("different nodes"), std::string::npos) << error;
  EXPECT_NE(error.find(directory_.Path("b")), std::string::npos) << error;
}

TEST_F(ServerTest, WorkersMustFit) {
  options_.min_workers = 8;
  options_.max_workers = 4;
  EXPECT_NE(StartError().find("--min-workers"), std::string::npos);
}

TEST(AdvertisedAddress, StandsForOneInterface) {
  EXPECT_EQ(AdvertisedAddress("127.0.0.1:7410", "127.0.0.1:7400"), "127.0.0.1:7410");
  EXPECT_EQ(AdvertisedAddress("10.1.2.3:7410", "127.0.0.1:7400"), "10.1.2.3:7410");
  EXPECT_EQ(AdvertisedAddress("0.0.0.0:7410", "127.0.0.1:7400"), "127.0.0.1:7410");
  const std::string unknown = AdvertisedAddress("0.0.0.0:7410", "no address at all");
  EXPECT_EQ(unknown.substr(unknown.rfind(':')), ":7410");
  EXPECT_NE(unknown.substr(0, unknown.rfind(':')), "0.0.0.0");
}

}  // namespace
}  // namespace weft::storage
