#include "common/wire/server.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "common/limits.h"
#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

TEST(ServerTest, PayloadsOfEverySizeComeBack) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  EXPECT_TRUE(Echo(*channel, "").ok());
  for (const size_t around : {size_t{1}, size_t{4096}, kReadAheadBytes, size_t{64 * 1024},
                              kMaxKeptBytes, size_t{1} << 20, size_t{5} << 20}) {
    for (const size_t bytes : {around - 1, around, around + 1}) {
      const absl::Status status = Echo(*channel, "text", bytes);
      EXPECT_TRUE(status.ok()) << bytes << ": " << status;
    }
  }
}

// The end of the head, and of the payload, on both sides of the end of what is read ahead.
TEST(ServerTest, FramesAroundTheReadAheadComeBack) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  for (size_t bytes = kReadAheadBytes - 60; bytes < kReadAheadBytes + 5; ++bytes) {
    ASSERT_TRUE(Echo(*channel, std::string(bytes, 'x')).ok()) << bytes;
    ASSERT_TRUE(Echo(*channel, "text", bytes).ok()) << bytes;
    ASSERT_TRUE(Echo(*channel, std::string(bytes, 'x'), 5000).ok()) << bytes;
  }
}

TEST(ServerTest, TheLongestMessageAndPayloadFit) {
  constexpr size_t kFraming = 5;  // of a BytesValue of that length
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  const std::string longest(kMaxWireHeaderBytes - kFraming, 'm');
  EXPECT_TRUE(Echo(*channel, longest, kMaxWirePayloadBytes).ok());
  EXPECT_EQ(ErrnoOf(Echo(*channel, longest + "m")), EMSGSIZE);
  EXPECT_EQ(ErrnoOf(Echo(*channel, "", size_t{kMaxWirePayloadBytes} + 1)), EMSGSIZE);
  EXPECT_TRUE(Echo(*channel, "goes on", 10).ok());
}

TEST(ServerTest, ErrorsArriveWithErrnoAndText) {
  TestHandler handler([](const Request& request, Responder& responder) {
    BytesValue message;
    ASSERT_TRUE(ParseMessage(request, &message).ok());
    responder.Error(PosixError(std::stoi(message.value()), "because " + message.value()));
  });
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  for (int error = 1; error < 134; ++error) {
    BytesValue request;
    request.set_value(std::to_string(error));
    const auto reply = channel->Call({.method = kCall, .request = &request, .timeout = kLong});
    EXPECT_EQ(ErrnoOf(reply.status()), error);
    EXPECT_FALSE(IsTransport(reply.status()));
    EXPECT_EQ(MessageOf(reply.status()), "because " + std::to_string(error));
  }
}

TEST(ServerTest, WhatAHandlerDoesWrongIsStillAnswered) {
  std::vector<std::byte> huge(size_t{kMaxWirePayloadBytes} + 1);
  TestHandler handler([&](const Request& request, Responder& responder) {
    const BytesValue nothing;
    BytesValue message;
    ASSERT_TRUE(ParseMessage(request, &message).ok());
    const std::string what = message.value();
    if (what == "transport error") responder.Error(TransportError("not reached"));
    if (what == "no error") responder.Error(absl::OkStatus());
    if (what == "twice") {
      responder.Ok(nothing);
      responder.Error(PosixError(ENOENT, "second"));
      responder.Ok(nothing);
    }
    if (what == "long message") {
      message.set_value(std::string(kMaxWireHeaderBytes, 'm'));
      responder.Ok(message);
    }
    if (what == "long payload") {
      const iovec piece = Piece(huge);
      responder.Ok(nothing, std::span(&piece, 1));
    }
    if (what == "long file") {
      const std::vector<FileRange> ranges(2, {.length_bytes = ~uint32_t{0}});
      responder.OkFromFile(nothing, ranges);
    }
    if (what == "long text") responder.Error(PosixError(ENOENT, std::string(10 << 20, 'e')));
  });
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  const std::vector<std::pair<std::string, int>> cases = {
      {"nothing", EIO},           {"transport error", EIO},
      {"no error", EIO},          {"twice", 0},
      {"long message", EMSGSIZE}, {"long payload", EMSGSIZE},
      {"long file", EMSGSIZE},    {"long text", ENOENT}};
  for (const auto& [name, error] : cases) {
    BytesValue request;
    request.set_value(name);
    const absl::Status status =
        channel->Call({.method = kCall, .request = &request, .timeout = kLong}).status();
    EXPECT_EQ(ErrnoOf(status), error) << name << ": " << status;
    EXPECT_FALSE(IsTransport(status)) << name;
  }
}

TEST(ServerTest, AMalformedMessageIsRefusedNamingTheMethod) {
  TestHandler handler;
  const auto server = StartServer(handler);
  RawPeer peer(server->address());
  peer.Greet();
  ASSERT_TRUE(peer.SendFrame({.method = 77}, "\xFF\xFF").ok());
  std::string text;
  const auto header = peer.Receive(&text);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->status, EPROTO);
  EXPECT_NE(text.find("77"), std::string::npos) << text;
}

TEST(ServerTest, AHandlerSeesWhoCallsAndAlignedPayload) {
  TestHandler handler([&](const Request& request, Responder& responder) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(request.payload.data()) % 4096, 0U);
    std::memset(request.payload.data(), 0, request.payload.size());
    EXPECT_EQ(request.peer->address.substr(0, 10), "127.0.0.1:");
    BytesValue seen;
    seen.set_value(request.peer->uuid + ", " + request.peer->name + ", " +
                   std::to_string(request.method) + ", " + std::to_string(request.payload.size()));
    responder.Ok(seen);
  });
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address(), TestIdentity("the-uuid"));
  const BytesValue request;
  BytesValue seen;
  std::vector<std::byte> bytes(10'000);
  const iovec piece = Piece(bytes);
  const auto reply = channel->Call({.method = kCall,
                                    .request = &request,
                                    .payload = std::span(&piece, 1),
                                    .reply = &seen,
                                    .timeout = kLong});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(seen.value(), "the-uuid, test client, 2, 10000");
}

TEST(ServerTest, ManyCallersAreServedAtOnce) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (size_t call = 0; call < 100; ++call) {
        const size_t bytes = (caller * 7919 + call * 104729) % 200'000;
        const absl::Status status = Echo(*channel, std::to_string(call), bytes);
        ASSERT_TRUE(status.ok()) << status;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// Each handler waits until all run, so this ends only where the pool grows, and where the calls of
// one thread are really in flight together.
TEST(ServerTest, ThePoolGrowsWhileHandlersBlock) {
  constexpr int kCalls = 40;
  Counter running;
  TestHandler handler([&](const Request&, Responder& responder) {
    running.Add();
    if (!running.WaitFor(kCalls)) return responder.Error(PosixError(ETIME, "too few run"));
    responder.Ok(BytesValue());
  });
  const auto server = StartServer(handler, {.min_workers = 1, .max_workers = kCalls + 1});
  const auto channel = ChannelTo(server->address());
  const BytesValue request;
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (int i = 0; i < kCalls; ++i) {
    auto call = channel->Start({.method = kCall, .request = &request, .timeout = 2 * kLong});
    ASSERT_TRUE(call.ok()) << call.status();
    calls.push_back(*std::move(call));
  }
  for (const auto& call : calls) {
    const auto reply = call->Finish();
    EXPECT_TRUE(reply.ok()) << reply.status();
  }
}

TEST(ServerTest, IdleConnectionsHoldNoWorker) {
  TestHandler handler;
  const auto server = StartServer(handler, {.min_workers = 1, .max_workers = 1});
  std::vector<RawPeer> silent;
  std::vector<RawPeer> idle;
  for (int i = 0; i < 10; ++i) {
    silent.emplace_back(server->address());
    idle.emplace_back(server->address());
    idle.back().Greet();
  }
  EXPECT_TRUE(Echo(*ChannelTo(server->address()), "x", 100'000).ok());
}

TEST(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  constexpr uint64_t kRequests = 500;
  TestHandler handler;
  const auto server = StartServer(handler);
  RawPeer peer(server->address());
  peer.Greet();
  std::vector<std::byte> all;
  for (uint64_t id = 1; id <= kRequests; ++id) {
    BytesValue message;
    message.set_value(std::string(id, 'p'));
    FrameHead head;
    ASSERT_TRUE(head.Encode({.method = kEcho, .request_id = id}, message).ok());
    all.insert(all.end(), head.bytes().begin(), head.bytes().end());
  }
  std::thread sender([&] { EXPECT_TRUE(peer.Send(all).ok()); });
  for (uint64_t id = 1; id <= kRequests; ++id) {
    std::string message;
    const auto header = peer.Receive(&message);
    ASSERT_TRUE(header.ok()) << header.status();
    ASSERT_EQ(header->request_id, id);
    BytesValue value;
    ASSERT_TRUE(value.ParseFromString(message));
    ASSERT_EQ(value.value(), std::string(id, 'p'));
  }
  sender.join();
}

TEST(ServerTest, ConnectionsAreBounded) {
  TestHandler handler;
  const auto server = StartServer(handler, {.max_connections = 3});
  std::vector<RawPeer> peers;
  for (int i = 0; i < 3; ++i) {
    peers.emplace_back(server->address());
    peers.back().Greet();
  }
  RawPeer fourth(server->address());
  EXPECT_TRUE(fourth.IsClosed());
  peers.pop_back();
  const auto channel = ChannelTo(server->address());
  Backoff backoff(After(kLong));
  absl::Status status = Echo(*channel, "x");
  while (!status.ok() && backoff.Wait()) status = Echo(*channel, "x");
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ServerTest, ConnectionsThatNeverGreetMakeRoom) {
  TestHandler handler;
  const auto server =
      StartServer(handler, {.max_connections = 2, .io_timeout = std::chrono::milliseconds(500)});
  RawPeer first(server->address());
  RawPeer second(server->address());
  const auto channel = ChannelTo(server->address());
  Backoff backoff(After(kLong));
  absl::Status status = Echo(*channel, "x");
  while (!status.ok() && backoff.Wait()) status = Echo(*channel, "x");
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ServerTest, AddressesThatCannotBeUsedAreNamed) {
  TestHandler handler;
  for (const std::string address :
       {"", "127.0.0.1", "127.0.0.1:", ":1", "127.0.0.1:99999", "::1:5"}) {
    const auto server = Server::Start({.listen_address = address}, &handler);
    EXPECT_EQ(ErrnoOf(server.status()), EINVAL) << address;
    EXPECT_NE(MessageOf(server.status()).find("'" + address + "'"), std::string::npos);
  }
  const auto first = StartServer(handler);
  const auto second = Server::Start({.listen_address = first->address()}, &handler);
  EXPECT_EQ(ErrnoOf(second.status()), EADDRINUSE);
  EXPECT_NE(MessageOf(second.status()).find(first->address()), std::string::npos);
}

}  // namespace
}  // namespace weft::wire
