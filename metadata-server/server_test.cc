#include "metadata-server/server.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/status.h"
#include "common/uuid.h"
#include "common/wire/channel.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {
namespace {

// A whole metadata-server on a directory of its own, on free ports of the loopback.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::string name = std::filesystem::temp_directory_path() / "weft-metadata-test-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    options_.data = directory_ / "meta";
    options_.listen = "127.0.0.1:0";
    options_.control_listen = "127.0.0.1:0";
  }
  ~ServerTest() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Restart() {
    server_.reset();
    auto server = Server::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
    channel_ =
        wire::Channel::Make({.address = server_->wire_address(),
                             .identity = {NewUuid(), "client", [] { return std::string(); }}});
  }
  template <typename Reply, typename Request>
  absl::StatusOr<Reply> Call(proto::MetadataMethod method, const Request& request) {
    Reply reply;
    const auto received = channel_->Call({.method = static_cast<uint16_t>(method),
                                          .request = &request,
                                          .reply = &reply,
                                          .timeout = std::chrono::milliseconds(60'000)});
    if (!received.ok()) return received.status();
    return reply;
  }

  std::filesystem::path directory_;
  Options options_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<wire::Channel> channel_;
};

TEST_F(ServerTest, ServesAndKeepsEverythingOverARestart) {
  Restart();
  proto::OpenSessionRequest open;
  open.set_client_uuid(NewUuid());
  const auto session = Call<proto::OpenSessionReply>(proto::OPEN_SESSION, open);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->control_address(), server_->control_address());
  proto::MakeNodeRequest make;
  make.mutable_mutation()->set_session_id(session->session_id());
  make.mutable_mutation()->set_sequence(1);
  make.set_parent_id(kRootInode.value());
  make.set_name("directory");
  make.set_type(proto::DIRECTORY);
  make.set_permissions(0755);
  const auto made = Call<proto::MakeNodeReply>(proto::MAKE_NODE, make);
  ASSERT_TRUE(made.ok()) << made.status();

  Restart();
  const auto again = Call<proto::MakeNodeReply>(proto::MAKE_NODE, make);
  ASSERT_TRUE(again.ok()) << "the session lives on, and its reply was kept: " << again.status();
  EXPECT_EQ(again->attr().inode_id(), made->attr().inode_id());
  proto::KeepAliveRequest alive;
  alive.set_session_id(session->session_id());
  const auto kept = Call<proto::KeepAliveReply>(proto::KEEP_ALIVE, alive);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_NE(kept->server_start(), session->server_start());
}

TEST_F(ServerTest, StopIsIdempotentAndEndsTheService) {
  Restart();
  server_->Stop();
  server_->Stop();
  EXPECT_TRUE(IsTransport(
      Call<proto::GetServerInfoReply>(proto::GET_SERVER_INFO, proto::GetServerInfoRequest())
          .status()));
}

TEST_F(ServerTest, TheSameDirectoryIsNotServedTwice) {
  Restart();
  const auto second = Server::Start(options_);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(MessageOf(second.status()).find(options_.data), std::string::npos) << second.status();
}

TEST_F(ServerTest, PortsInUseAreNamed) {
  Restart();
  Options other = options_;
  other.data = directory_ / "other";
  other.listen = server_->wire_address();
  const auto wire = Server::Start(other);
  EXPECT_NE(MessageOf(wire.status()).find(other.listen), std::string::npos) << wire.status();
  other.listen = "127.0.0.1:0";
  other.control_listen = server_->control_address();
  const auto control = Server::Start(other);
  EXPECT_EQ(ErrnoOf(control.status()), EADDRINUSE);
}

TEST_F(ServerTest, ADataDirectoryThatCannotBeIsNamed) {
  std::ofstream(directory_ / "file") << "not a directory";
  options_.data = directory_ / "file" / "below";
  const auto server = Server::Start(options_);
  ASSERT_FALSE(server.ok());
  EXPECT_NE(MessageOf(server.status()).find(options_.data), std::string::npos) << server.status();
}

}  // namespace
}  // namespace weft::metadata
