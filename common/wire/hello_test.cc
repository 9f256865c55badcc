#include "common/wire/hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <thread>

#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

using ::testing::HasSubstr;

const ServerIdentity kSelf{.name = "server", .cluster_id = "cluster-a"};

proto::Hello HelloOf(uint32_t min_version, uint32_t max_version, std::string cluster_id = "") {
  proto::Hello hello =
      MakeHello(TestIdentity("uuid", std::move(cluster_id)), proto::WIRE_ROLE_DATA);
  hello.set_min_version(min_version);
  hello.set_max_version(max_version);
  return hello;
}

TEST(HelloTest, TheHighestCommonVersionIsChosen) {
  for (const uint32_t newest : {1U, 2U, 1000U, ~0U}) {
    const auto reply = AnswerHello(HelloOf(1, newest), kSelf);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->version(), kNewestProtocolVersion);
    EXPECT_EQ(reply->cluster_id(), "cluster-a");
  }
}

TEST(HelloTest, NoCommonVersionIsRefusedNamingBoth) {
  const auto reply = AnswerHello(HelloOf(7, 9), kSelf);
  EXPECT_EQ(ErrnoOf(reply.status()), EPROTONOSUPPORT);
  EXPECT_THAT(MessageOf(reply.status()), HasSubstr("7 to 9"));
  EXPECT_THAT(MessageOf(reply.status()), HasSubstr("speaks 1"));
  EXPECT_EQ(ErrnoOf(AnswerHello(HelloOf(0, 1), kSelf).status()), EPROTO);
  EXPECT_EQ(ErrnoOf(AnswerHello(HelloOf(2, 1), kSelf).status()), EPROTO);
}

TEST(HelloTest, AnotherClusterIsRefusedNamingBoth) {
  const auto reply = AnswerHello(HelloOf(1, 1, "cluster-b"), kSelf);
  EXPECT_EQ(ErrnoOf(reply.status()), EPERM);
  EXPECT_THAT(MessageOf(reply.status()), HasSubstr("cluster-a"));
  EXPECT_THAT(MessageOf(reply.status()), HasSubstr("cluster-b"));
}

TEST(HelloTest, AnUnknownClusterIsWelcome) {
  EXPECT_TRUE(AnswerHello(HelloOf(1, 1, "cluster-a"), kSelf).ok());
  EXPECT_TRUE(AnswerHello(HelloOf(1, 1, ""), kSelf).ok());
  EXPECT_TRUE(AnswerHello(HelloOf(1, 1, "cluster-b"), {.name = "server", .cluster_id = ""}).ok());
}

TEST(HelloTest, OnlyAShortWellFormedHelloIsParsed) {
  const FrameHeader header{.kind = FrameKind::kHello};
  const std::string good = HelloOf(1, 1).SerializeAsString();
  EXPECT_TRUE(ParseHello(header, good).ok());
  EXPECT_FALSE(ParseHello({.kind = FrameKind::kRequest}, good).ok());
  EXPECT_FALSE(ParseHello({.kind = FrameKind::kHello, .payload_bytes = 1}, good).ok());
  EXPECT_FALSE(ParseHello(header, good.substr(0, good.size() - 1)).ok());
  proto::Hello hello = HelloOf(1, 1);
  hello.set_uuid(std::string(kMaxPeerTextBytes + 1, 'u'));
  EXPECT_FALSE(ParseHello(header, hello.SerializeAsString()).ok());
  hello = HelloOf(1, 1);
  hello.set_credentials(std::string(kMaxHelloBytes, 'c'));
  EXPECT_FALSE(ParseHello(header, hello.SerializeAsString()).ok());
}

TEST(HelloTest, AChannelReportsTheServersRefusal) {
  TestHandler handler;
  const auto server =
      StartServer(handler, {.name = "chunks", .cluster_id = [] { return "cluster-a"; }});
  const auto wrong = ChannelTo(server->address(), TestIdentity("uuid", "cluster-b"));
  const absl::Status status = Echo(*wrong, "x");
  EXPECT_EQ(ErrnoOf(status), EPERM) << status;
  EXPECT_FALSE(IsTransport(status));
  EXPECT_THAT(MessageOf(status), HasSubstr(server->address()));
  EXPECT_THAT(MessageOf(status), HasSubstr("cluster-a"));
  EXPECT_THAT(MessageOf(status), HasSubstr("cluster-b"));
  EXPECT_TRUE(Echo(*ChannelTo(server->address(), TestIdentity("uuid", "cluster-a")), "x").ok());
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "x").ok());
}

// What a peer of a later release does: it names its own versions and gets one that both speak.
TEST(HelloTest, ANewerPeerIsServedAndATooNewOneRefused) {
  TestHandler handler;
  const auto server = StartServer(handler);
  std::string message;
  RawPeer newer(server->address());
  auto header = newer.Greet(HelloOf(1, 900), &message);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->status, 0);
  EXPECT_EQ(header->version, kNewestProtocolVersion);
  ASSERT_TRUE(newer.SendFrame({.method = kEcho, .request_id = 5}, "").ok());
  header = newer.Receive(&message);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->kind, FrameKind::kReply);
  EXPECT_EQ(header->request_id, 5U);

  RawPeer too_new(server->address());
  header = too_new.Greet(HelloOf(800, 900), &message);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->status, EPROTONOSUPPORT);
  EXPECT_THAT(message, HasSubstr("800 to 900"));
  EXPECT_TRUE(too_new.IsClosed());
}

// A server of another kind must not be taken for one of ours.
TEST(HelloTest, AnAnswerThatIsNoHelloIsATransportError) {
  for (const std::string_view answer : {std::string_view("HTTP/1.1 400 Bad Request\r\n\r\n"
                                                         "................................"),
                                        std::string_view("")}) {
    auto listener = Listen("127.0.0.1:0");
    ASSERT_TRUE(listener.ok());
    const std::string address = "127.0.0.1:" + std::to_string(LocalPort(listener->get()));
    std::thread other([&] {
      pollfd wait{.fd = listener->get(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(::poll(&wait, 1, static_cast<int>(kLong.count())), 1);
      Socket socket(UniqueFd(::accept(listener->get(), nullptr, nullptr)));
      std::array<std::byte, 4096> hello;
      EXPECT_TRUE(socket.Receive(hello, After(kLong)).ok());
      const auto bytes = std::as_bytes(std::span(answer.data(), answer.size()));
      IovecCursor cursor(bytes, {}, bytes.size());
      EXPECT_TRUE(socket.SendAll(cursor, More::kNo, After(kLong)).ok());
    });
    const absl::Status status = Echo(*ChannelTo(address), "x");
    other.join();
    EXPECT_TRUE(IsTransport(status)) << status;
    EXPECT_THAT(MessageOf(status), HasSubstr(address));
  }
}

}  // namespace
}  // namespace weft::wire
