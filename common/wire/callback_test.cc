// Calls from the server to a peer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum CallbackMethod : uint16_t { kRepeat = 1, kRefuse = 2, kWait = 3, kWho = 4 };

ChannelOptions OptionsFor(const std::string& address, std::string uuid = "peer") {
  return {.address = address, .identity = TestIdentity(std::move(uuid))};
}

// Answers kRepeat with the message again, kRefuse with ENOENT, and kWho with `who`.
CallbackListener::Callback Answering(std::string who = "") {
  return [who = std::move(who)](uint16_t method, std::string_view message, std::string* reply) {
    if (method == kRefuse) return PosixError(ENOENT, "refused");
    if (method == kRepeat) *reply = message;
    if (method == kWho) {
      BytesValue value;
      value.set_value(who);
      value.SerializeToString(reply);
    }
    return absl::OkStatus();
  };
}

void AwaitPeers(const Server& server, size_t count) {
  Backoff backoff(After(kLong));
  while (server.CallbackPeers().size() != count) ASSERT_TRUE(backoff.Wait());
}

absl::StatusOr<std::string> CallPeer(Server& server, CallbackMethod method, const std::string& text,
                                     milliseconds timeout = kLong) {
  BytesValue request;
  request.set_value(text);
  BytesValue reply;
  WEFT_RETURN_IF_ERROR(server.CallPeer("peer", method, request, &reply, timeout));
  return reply.value();
}

TEST(CallbackTest, APeerAnswersItsServer) {
  TestHandler handler;
  const auto server = StartServer(handler);
  EXPECT_TRUE(IsTransport(CallPeer(*server, kRepeat, "x").status()));
  EXPECT_THAT(server->CallbackPeers(), IsEmpty());
  const auto listener = CallbackListener::Start(OptionsFor(server->address()), Answering());
  AwaitPeers(*server, 1);
  EXPECT_THAT(server->CallbackPeers(), ElementsAre("peer"));
  for (const size_t bytes : {0U, 1U, 10'000U, 1'000'000U}) {
    const std::string text(bytes, 'c');
    const auto reply = CallPeer(*server, kRepeat, text);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_TRUE(*reply == text);
  }
  const auto refused = CallPeer(*server, kRefuse, "x");
  EXPECT_EQ(ErrnoOf(refused.status()), ENOENT);
  EXPECT_EQ(MessageOf(refused.status()), "refused");
  EXPECT_TRUE(CallPeer(*server, kRepeat, "goes on").ok());
}

TEST(CallbackTest, APeerThatLeavesIsForgotten) {
  TestHandler handler;
  const auto server = StartServer(handler);
  auto listener = CallbackListener::Start(OptionsFor(server->address()), Answering());
  AwaitPeers(*server, 1);
  listener.reset();
  AwaitPeers(*server, 0);
  EXPECT_TRUE(IsTransport(CallPeer(*server, kRepeat, "x").status()));
}

TEST(CallbackTest, TheNewestConnectionIsCalled) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto older = CallbackListener::Start(OptionsFor(server->address()), Answering("older"));
  AwaitPeers(*server, 1);
  ASSERT_EQ(*CallPeer(*server, kWho, ""), "older");
  auto newer = CallbackListener::Start(OptionsFor(server->address()), Answering("newer"));
  const auto await = [&](const std::string& who) {
    Backoff backoff(After(kLong));
    for (;;) {
      const auto reply = CallPeer(*server, kWho, "");
      if (reply.ok() && *reply == who) return;
      ASSERT_TRUE(backoff.Wait());
    }
  };
  await("newer");
  newer.reset();
  await("older");
}

TEST(CallbackTest, AListenerFindsARestartedServer) {
  TestHandler handler;
  auto server = StartServer(handler);
  const std::string address = server->address();
  const auto listener = CallbackListener::Start(OptionsFor(address), Answering());
  for (int round = 0; round < 3; ++round) {
    AwaitPeers(*server, 1);
    EXPECT_TRUE(CallPeer(*server, kRepeat, "x").ok());
    server.reset();
    server = StartServer(handler, {.listen_address = address});
    ASSERT_NE(server, nullptr);
  }
}

TEST(CallbackTest, AListenerWithoutAServerEnds) {
  std::string address;
  {
    TestHandler handler;
    address = StartServer(handler)->address();
  }
  CallbackListener::Start(OptionsFor(address), Answering()).reset();
}

TEST(CallbackTest, APeerThatDoesNotAnswerLosesItsConnection) {
  Counter may_end;
  const auto wait = [&](uint16_t method, std::string_view message, std::string* reply) {
    if (method == kWait) (void)may_end.WaitFor(1);
    *reply = message;
    return absl::OkStatus();
  };
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto listener = CallbackListener::Start(OptionsFor(server->address()), wait);
  AwaitPeers(*server, 1);
  const auto late = CallPeer(*server, kWait, "late", milliseconds(100));
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded) << late.status();
  EXPECT_THAT(MessageOf(late.status()), HasSubstr("test client"));
  may_end.Add();
  // It comes back with a new connection, on which the late answer is not seen.
  Backoff backoff(After(kLong));
  absl::StatusOr<std::string> reply = CallPeer(*server, kRepeat, "again");
  while (!reply.ok() && backoff.Wait()) reply = CallPeer(*server, kRepeat, "again");
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(*reply, "again");
}

TEST(CallbackTest, CallsTakeTurns) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto listener = CallbackListener::Start(OptionsFor(server->address()), Answering());
  AwaitPeers(*server, 1);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (int call = 0; call < 50; ++call) {
        const std::string text = std::to_string(caller * 1000 + call);
        const auto reply = CallPeer(*server, kRepeat, text);
        ASSERT_TRUE(reply.ok()) << reply.status();
        ASSERT_EQ(*reply, text);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// As a lease recall: one client's request makes the server call another client.
TEST(CallbackTest, AHandlerMayCallAPeer) {
  std::atomic<Server*> server_of_handler{nullptr};
  TestHandler handler([&](const Request&, Responder& responder) {
    const auto reply = CallPeer(*server_of_handler.load(), kRepeat, "recall");
    if (!reply.ok()) return responder.Error(reply.status());
    responder.Ok(BytesValue());
  });
  const auto server = StartServer(handler);
  server_of_handler.store(server.get());
  const auto listener = CallbackListener::Start(OptionsFor(server->address()), Answering());
  AwaitPeers(*server, 1);
  const auto channel = ChannelTo(server->address());
  for (int i = 0; i < 20; ++i) {
    const absl::Status status = CallFunction(*channel);
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(CallbackTest, APeerThatSpeaksOutOfTurnIsDropped) {
  TestHandler handler;
  const auto server = StartServer(handler);
  RawPeer peer(server->address());
  std::string message;
  const auto hello = MakeHello(TestIdentity("peer"), proto::WIRE_ROLE_CALLBACK);
  const auto header = peer.Greet(hello, &message);
  ASSERT_TRUE(header.ok() && header->status == 0) << message;
  AwaitPeers(*server, 1);
  ASSERT_TRUE(peer.SendFrame({.kind = FrameKind::kReply, .request_id = 99}, "").ok());
  EXPECT_TRUE(IsTransport(CallPeer(*server, kRepeat, "x").status()));
  EXPECT_TRUE(peer.IsClosed());
  AwaitPeers(*server, 0);

  RawPeer nameless(server->address());
  const auto refused =
      nameless.Greet(MakeHello(TestIdentity(""), proto::WIRE_ROLE_CALLBACK), &message);
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->status, EPROTO);
}

}  // namespace
}  // namespace weft::wire
