// The server against peers that stall, break the protocol or vanish, and its stopping.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "common/limits.h"
#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShort{200};

TEST(ServerPeersTest, APeerThatStallsInAFrameIsDropped) {
  TestHandler handler;
  const auto server = StartServer(handler, {.io_timeout = kShort});
  const auto header = EncodeFrameHeader(
      {.method = kEcho, .request_id = 1, .message_bytes = 0, .payload_bytes = 1 << 20});
  const std::vector<std::byte> part(100'000);
  std::vector<RawPeer> peers;
  for (int i = 0; i < 3; ++i) {
    peers.emplace_back(server->address());
    peers.back().Greet();
  }
  ASSERT_TRUE(peers[0].Send(std::span(header).first(1)).ok());
  ASSERT_TRUE(peers[1].Send(header).ok());
  ASSERT_TRUE(peers[2].Send(header).ok());
  ASSERT_TRUE(peers[2].Send(part).ok());
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "others are served", 10).ok());
  for (RawPeer& peer : peers) EXPECT_TRUE(peer.IsClosed());
}

TEST(ServerPeersTest, APeerThatDoesNotTakeItsReplyIsDropped) {
  Counter sent;
  std::vector<std::byte> large(kMaxWirePayloadBytes);
  TestHandler handler([&](const Request&, Responder& responder) {
    const iovec piece = Piece(large);
    responder.Ok(BytesValue(), std::span(&piece, 1));
    sent.Add();
  });
  const auto server = StartServer(handler, {.io_timeout = kShort});
  RawPeer peer(server->address());
  peer.Greet();
  ASSERT_TRUE(peer.SendFrame({.method = kCall}, "").ok());
  EXPECT_TRUE(sent.WaitFor(1));  // although nobody reads
  EXPECT_TRUE(peer.IsClosed());
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "x").ok());
}

TEST(ServerPeersTest, FramesThatBreakABoundCloseTheConnection) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const std::vector<FrameHeader> broken = {
      {.message_bytes = kMaxWireHeaderBytes + 1},
      {.payload_bytes = kMaxWirePayloadBytes + 1},
      {.message_bytes = ~uint32_t{0}, .payload_bytes = ~uint32_t{0}},
      {.flags = 1},
      {.reserved = 1},
      {.kind = static_cast<FrameKind>(9)},
      {.kind = FrameKind::kReply},
      {.kind = FrameKind::kHello},  // a second one
      {.version = kProtocolVersion + 1},
      {.version = 0},
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    RawPeer peer(server->address());
    peer.Greet();
    ASSERT_TRUE(peer.Send(EncodeFrameHeader(broken[i])).ok());
    EXPECT_TRUE(peer.IsClosed()) << i;
  }
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "x").ok());
}

TEST(ServerPeersTest, GarbageInPlaceOfAHelloClosesTheConnection) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const std::string http = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
  RawPeer browser(server->address());
  ASSERT_TRUE(browser.Send(http).ok());
  EXPECT_TRUE(browser.IsClosed());
  RawPeer hasty(server->address());
  ASSERT_TRUE(hasty.SendFrame({.method = kEcho}, "").ok());
  EXPECT_TRUE(hasty.IsClosed());
  RawPeer huge(server->address());
  ASSERT_TRUE(
      huge.SendFrame({.kind = FrameKind::kHello}, std::string(kMaxHelloBytes + 1, 'h')).ok());
  EXPECT_TRUE(huge.IsClosed());
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "x").ok());
}

TEST(ServerPeersTest, APeerMayVanishAtAnyPoint) {
  TestHandler handler;
  const auto server = StartServer(handler);
  FrameHead head;
  ASSERT_TRUE(head.Encode({.method = kEcho, .payload_bytes = 5000}, std::string(100, '\0')).ok());
  std::vector<std::byte> frame(head.bytes().begin(), head.bytes().end());
  frame.resize(frame.size() + 5000);
  for (size_t sent = 0; sent <= frame.size(); sent += sent < 200 ? 7 : 997) {
    RawPeer peer(server->address());
    peer.Greet();
    ASSERT_TRUE(peer.Send(std::span(frame).first(sent)).ok());
  }
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "x").ok());
}

// Returns once nobody accepts at the address any more.
void AwaitRefusal(const std::string& address) {
  Backoff backoff(After(kLong));
  while (Connect(address, backoff.deadline()).ok()) ASSERT_TRUE(backoff.Wait());
}

TEST(ServerStopTest, RequestsInProgressAreAnswered) {
  constexpr int kCalls = 8;
  Counter running;
  Counter may_end;
  TestHandler handler([&](const Request& request, Responder& responder) {
    running.Add();
    if (!may_end.WaitFor(1)) return responder.Error(PosixError(ETIME, "never released"));
    const iovec piece{request.payload.data(), request.payload.size()};
    responder.Ok(BytesValue(), std::span(&piece, 1));
  });
  const auto server = StartServer(handler);
  const std::string address = server->address();
  const auto channel = ChannelTo(address);
  const BytesValue request;
  std::vector<std::byte> bytes = Pattern(100'000);
  std::vector<std::byte> back(bytes.size());
  const iovec send = Piece(bytes);
  const iovec receive = Piece(back);
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (int i = 0; i < kCalls; ++i) {
    auto call = channel->Start({.method = kCall,
                                .request = &request,
                                .payload = std::span(&send, 1),
                                .receive = std::span(&receive, 1),
                                .timeout = 2 * kLong});
    ASSERT_TRUE(call.ok()) << call.status();
    calls.push_back(*std::move(call));
  }
  ASSERT_TRUE(running.WaitFor(kCalls));
  std::thread stopper([&] { server->Stop(); });
  AwaitRefusal(address);
  may_end.Add();
  for (const auto& call : calls) {
    std::fill(back.begin(), back.end(), std::byte{0});
    const auto reply = call->Finish();
    EXPECT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(back, bytes);
  }
  stopper.join();
  server->Stop();  // harmless
  EXPECT_TRUE(IsTransport(Echo(*channel, "x")));
}

// Would last for io_timeout if stalled peers were waited for.
TEST(ServerStopTest, HalfReceivedRequestsAreNotWaitedFor) {
  TestHandler handler;
  auto server = StartServer(handler, {.io_timeout = std::chrono::hours(1)});
  std::vector<RawPeer> peers;
  for (int i = 0; i < 6; ++i) {
    peers.emplace_back(server->address());
    if (i > 0) peers.back().Greet();
    ASSERT_TRUE(peers.back().Send(std::string_view("WEFT")).ok());
  }
  // A worker of its own, so that the others are likely to hang in the frames by now.
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "x").ok());
  server.reset();
  for (RawPeer& peer : peers) EXPECT_TRUE(peer.IsClosed());
}

TEST(ServerStopTest, StopsUnderLoad) {
  for (int round = 0; round < 10; ++round) {
    TestHandler handler;
    auto server = StartServer(handler);
    const auto channel = ChannelTo(server->address());
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&] {
        for (;;) {
          const absl::Status status = Echo(*channel, "x", 20'000);
          if (status.ok()) continue;
          EXPECT_TRUE(IsTransport(status)) << status;
          return;
        }
      });
    }
    EXPECT_TRUE(Echo(*channel, "x").ok());
    server.reset();
    for (std::thread& caller : callers) caller.join();
  }
}

}  // namespace
}  // namespace weft::wire
