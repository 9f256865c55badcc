#include "common/wire/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr milliseconds kShort{200};

// A server that greets each connection and then does as a test says, one connection at a time.
class FakeServer {
 public:
  using Conversation = std::function<void(Socket& socket, FrameReceiver& receiver)>;

  FakeServer(int connections, Conversation conversation)
      : listener_(*Listen("127.0.0.1:0")),
        thread_([this, connections, conversation = std::move(conversation)] {
          for (int i = 0; i < connections; ++i) Serve(conversation);
        }) {}
  ~FakeServer() { thread_.join(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(LocalPort(listener_.get())); }

 private:
  void Serve(const Conversation& conversation) {
    pollfd wait{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&wait, 1, static_cast<int>(kLong.count())), 1);
    Socket socket(UniqueFd(::accept(listener_.get(), nullptr, nullptr)));
    FrameReceiver receiver;
    const auto header = receiver.ReceiveHead(socket, After(kLong));
    ASSERT_TRUE(header.ok()) << header.status();
    const auto hello = ParseHello(*header, receiver.message());
    ASSERT_TRUE(hello.ok()) << hello.status();
    const auto reply = AnswerHello(*hello, {.name = "fake", .cluster_id = ""});
    ASSERT_TRUE(reply.ok()) << reply.status();
    FrameHead head;
    ASSERT_TRUE(head.Encode({.kind = FrameKind::kHelloReply}, *reply).ok());
    IovecCursor cursor(head.bytes(), {}, head.bytes().size());
    ASSERT_TRUE(socket.SendAll(cursor, More::kNo, After(kLong)).ok());
    conversation(socket, receiver);
  }

  const UniqueFd listener_;
  std::thread thread_;
};

// A handler that waits until the test lets it go.
class BlockingHandler {
 public:
  BlockingHandler()
      : handler_([this](const Request&, Responder& responder) {
          running.Add();
          if (!may_end.WaitFor(1)) return;
          responder.Ok(BytesValue());
        }) {}
  TestHandler& handler() { return handler_; }

  Counter running;
  Counter may_end;

 private:
  TestHandler handler_;
};

TEST(ChannelTest, ACallThatTakesTooLongTimesOut) {
  BlockingHandler blocking;
  const auto server = StartServer(blocking.handler());
  const auto channel = ChannelTo(server->address());
  EXPECT_TRUE(Echo(*channel, "x").ok());  // an idle connection, with a longer timeout set
  const absl::Status status = CallFunction(*channel, kShort);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_TRUE(IsTransport(status));
  EXPECT_THAT(MessageOf(status), HasSubstr(server->address()));
  // The late answer must not be taken for that of the next call.
  blocking.may_end.Add();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Echo(*channel, std::to_string(i), 1000).ok());
}

TEST(ChannelTest, AnAnswerThatIsThereIsTakenAfterTheDeadline) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  ASSERT_TRUE(Echo(*channel, "connects").ok());
  BytesValue request;
  request.set_value("early");
  BytesValue reply;
  std::vector<std::byte> out = Pattern(100'000);
  std::vector<std::byte> in(out.size());
  const iovec sent = Piece(out);
  const iovec received = Piece(in);
  auto call = channel->Start({.method = kEcho,
                              .request = &request,
                              .payload = {&sent, 1},
                              .reply = &reply,
                              .receive = {&received, 1},
                              .timeout = kShort});
  ASSERT_TRUE(call.ok()) << call.status();
  // Another server held this thread up for so long; the answer came in its first moments.
  std::this_thread::sleep_for(10 * kShort);
  const auto got = (*call)->Finish();
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, out.size());
  EXPECT_EQ(in, out);
  EXPECT_EQ(reply.value(), "early");
}

TEST(ChannelTest, TheTimeoutIsForTheWholeCall) {
  FakeServer server(1, [](Socket& socket, FrameReceiver&) {
    const auto header =
        EncodeFrameHeader({.kind = FrameKind::kReply, .request_id = 1, .payload_bytes = 1 << 20});
    IovecCursor cursor(header, {}, header.size());
    ASSERT_TRUE(socket.SendAll(cursor, More::kNo, After(kLong)).ok());
    const std::byte byte{};
    for (;;) {  // ever so little, until the peer has enough
      IovecCursor drop(std::span(&byte, 1), {}, 1);
      if (!socket.SendAll(drop, More::kNo, After(kLong)).ok()) return;
      pollfd wait{.fd = socket.fd(), .events = POLLRDHUP, .revents = 0};
      if (::poll(&wait, 1, 10) != 0) return;
    }
  });
  const BytesValue request;
  std::vector<std::byte> room(1 << 20);
  const iovec piece = Piece(room);
  const auto reply = ChannelTo(server.address())
                         ->Call({.method = kEcho,
                                 .request = &request,
                                 .receive = std::span(&piece, 1),
                                 .timeout = kShort});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kDeadlineExceeded) << reply.status();
}

TEST(ChannelTest, NobodyThereIsATransportErrorNamingTheAddress) {
  std::string address;
  {
    TestHandler handler;
    address = StartServer(handler)->address();
  }
  const absl::Status status = Echo(*ChannelTo(address), "x");
  EXPECT_TRUE(IsTransport(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr(address));
  const absl::Status malformed = Echo(*ChannelTo("nonsense"), "x");
  EXPECT_EQ(ErrnoOf(malformed), EINVAL) << malformed;
  EXPECT_FALSE(IsTransport(malformed));
}

TEST(ChannelTest, ConnectionsAreUsedAgain) {
  Mutex mutex;
  std::set<std::string> peers;
  TestHandler handler([&](const Request& request, Responder& responder) {
    MutexLock lock(&mutex);
    peers.insert(request.peer->address);
    responder.Ok(BytesValue());
  });
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  const auto connections = [&] {
    MutexLock lock(&mutex);
    return peers.size();
  };
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(CallFunction(*channel).ok());
  EXPECT_EQ(connections(), 1U);
  channel->DropIdle();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(CallFunction(*channel).ok());
  EXPECT_EQ(connections(), 2U);
}

TEST(ChannelTest, ARestartedServerIsServedBySilently) {
  TestHandler handler;
  auto server = StartServer(handler);
  const std::string address = server->address();
  const auto channel = ChannelTo(address);
  for (int round = 0; round < 5; ++round) {
    // Several idle connections, all of which the restart breaks.
    const BytesValue request;
    std::vector<std::unique_ptr<PendingCall>> calls;
    for (int i = 0; i < 5; ++i) {
      auto call = channel->Start({.method = kEcho, .request = &request, .timeout = kLong});
      ASSERT_TRUE(call.ok()) << call.status();
      calls.push_back(*std::move(call));
    }
    for (const auto& call : calls) ASSERT_TRUE(call->Finish().ok());
    server.reset();
    server = StartServer(handler, {.listen_address = address});
    ASSERT_NE(server, nullptr);
    const absl::Status status = Echo(*channel, "x", 10'000);
    EXPECT_TRUE(status.ok()) << status;
  }
}

// Such a call may have been carried out: whether to repeat it is for the caller to say.
TEST(ChannelTest, ARequestThatArrivedIsNotSentAgain) {
  int requests = 0;
  {
    FakeServer server(1, [&](Socket& socket, FrameReceiver& receiver) {
      const auto header = receiver.ReceiveHead(socket, After(kLong));
      ASSERT_TRUE(header.ok()) << header.status();
      ++requests;
    });
    const absl::Status status = Echo(*ChannelTo(server.address()), "x");
    EXPECT_TRUE(IsTransport(status)) << status;
    EXPECT_THAT(MessageOf(status), HasSubstr(server.address()));
  }
  EXPECT_EQ(requests, 1);
}

TEST(ChannelTest, BrokenRepliesAreTransportErrors) {
  const std::vector<std::pair<FrameHeader, std::string>> replies = {
      {{.kind = FrameKind::kReply, .request_id = 2}, ""},
      {{.kind = FrameKind::kRequest, .request_id = 1}, ""},
      {{.version = 9, .kind = FrameKind::kReply, .request_id = 1}, ""},
      {{.kind = FrameKind::kReply, .status = -5, .request_id = 1}, ""},
      {{.kind = FrameKind::kReply, .status = 1 << 20, .request_id = 1}, ""},
      {{.kind = FrameKind::kReply, .status = ENOENT, .request_id = 1, .payload_bytes = 1}, ""},
      {{.kind = FrameKind::kReply, .flags = 1, .request_id = 1}, ""},
      {{.kind = FrameKind::kReply, .request_id = 1}, "\xFF\xFF"},
  };
  for (size_t i = 0; i < replies.size(); ++i) {
    FakeServer server(1, [&](Socket& socket, FrameReceiver& receiver) {
      ASSERT_TRUE(receiver.ReceiveHead(socket, After(kLong)).ok());
      FrameHead head;
      ASSERT_TRUE(head.Encode(replies[i].first, replies[i].second).ok());
      IovecCursor cursor(head.bytes(), {}, head.bytes().size());
      ASSERT_TRUE(socket.SendAll(cursor, More::kNo, After(kLong)).ok());
    });
    const absl::Status status = Echo(*ChannelTo(server.address()), "x");
    EXPECT_TRUE(IsTransport(status)) << i << ": " << status;
    EXPECT_THAT(MessageOf(status), HasSubstr(server.address()));
  }
}

TEST(ChannelTest, PayloadsAreGatheredAndScattered) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  std::vector<std::byte> out = Pattern(50'000);
  std::vector<std::byte> in(60'000);
  std::vector<iovec> send;
  for (size_t at = 0; at < out.size(); at += 50) send.push_back({out.data() + at, 50});
  std::vector<iovec> receive;
  for (size_t at = 0; at < in.size(); at += 30) receive.push_back({in.data() + at, 30});
  BytesValue request;
  request.set_value("m");
  CallSpec spec{
      .method = kEcho, .request = &request, .payload = send, .receive = receive, .timeout = kLong};
  auto received = channel->Call(spec);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(*received, out.size());
  EXPECT_TRUE(std::equal(out.begin(), out.end(), in.begin()));

  spec.receive = std::span(receive).first(1000);
  received = channel->Call(spec);
  EXPECT_EQ(ErrnoOf(received.status()), EPROTO) << received.status();
  EXPECT_FALSE(IsTransport(received.status()));
  EXPECT_TRUE(Echo(*channel, "x", 10).ok());
}

TEST(ChannelTest, CallsFinishInAnyOrderOrNotAtAll) {
  TestHandler handler;
  const auto server = StartServer(handler);
  auto channel = ChannelTo(server->address());
  std::vector<BytesValue> requests(6);
  std::vector<BytesValue> replies(6);
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].set_value(std::to_string(i));
    auto call = channel->Start(
        {.method = kEcho, .request = &requests[i], .reply = &replies[i], .timeout = kLong});
    ASSERT_TRUE(call.ok()) << call.status();
    calls.push_back(*std::move(call));
  }
  calls[2].reset();
  for (const size_t i : {5U, 0U, 3U, 1U}) {
    ASSERT_TRUE(calls[i]->Finish().ok());
    EXPECT_EQ(replies[i].value(), std::to_string(i));
  }
  EXPECT_FALSE(calls[5]->Finish().ok());
  EXPECT_TRUE(Echo(*channel, "x").ok());
  channel.reset();  // the call that is left owns what it needs
  ASSERT_TRUE(calls[4]->Finish().ok());
  EXPECT_EQ(replies[4].value(), "4");
}

TEST(ChannelPoolTest, GivesOneChannelPerAddress) {
  TestHandler handler;
  const auto one = StartServer(handler);
  const auto two = StartServer(handler);
  ChannelPool pool(TestIdentity());
  Channel& channel = pool.Get(one->address());
  EXPECT_EQ(channel.address(), one->address());
  EXPECT_EQ(&pool.Get(one->address()), &channel);
  EXPECT_NE(&pool.Get(two->address()), &channel);
  EXPECT_TRUE(Echo(channel, "x").ok());
  EXPECT_TRUE(Echo(pool.Get(two->address()), "x").ok());
}

}  // namespace
}  // namespace weft::wire
