// Random bytes against the wire: whatever peers send, nobody crashes and the others are served.
//
// Each test prints its seed; WEFT_SEED=n repeats it (the bytes, not the timing of the threads).
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/limits.h"
#include "common/status.h"
#include "common/wire/address.h"
#include "common/wire/channel.h"
#include "common/wire/frame.h"
#include "common/wire/frame_io.h"
#include "common/wire/hello.h"
#include "common/wire/server.h"

namespace weft::wire {
namespace {

using google::protobuf::BytesValue;
using std::chrono::milliseconds;

constexpr milliseconds kRunTime{1'500};  // of each test that goes on for a time
constexpr milliseconds kLong{60'000};    // until a test gives up
constexpr size_t kMostGarbageBytes = 20'000;
constexpr int kHeaderRounds = 200'000;

using Bytes = std::vector<std::byte>;

// What the standard promises to be the same everywhere, so that a seed means the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t Any() { return engine_(); }
  // 0 to bound - 1.
  size_t Below(size_t bound) { return static_cast<size_t>(engine_() % bound); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  std::byte Byte() { return static_cast<std::byte>(engine_()); }
  Bytes Garbage(size_t most) {
    Bytes bytes(Below(most + 1));
    for (std::byte& byte : bytes) byte = Byte();
    return bytes;
  }

 private:
  std::mt19937_64 engine_;
};

uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* const given = std::getenv("WEFT_SEED");
    const uint64_t chosen =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "WEFT_SEED=" << chosen << std::endl;
    return chosen;
  }();
  return seed;
}

// Changes, cuts, lengthens or doubles a valid frame.
void Mutate(Random& random, Bytes& bytes) {
  for (size_t changes = 1 + random.Below(4); changes > 0; --changes) {
    switch (random.Below(6)) {
      case 0:  // a bit
        bytes[random.Below(bytes.size())] ^= std::byte{1} << random.Below(8);
        break;
      case 1:  // a byte
        bytes[random.Below(bytes.size())] = random.Byte();
        break;
      case 2: {  // one of the header's lengths, or another of its words
        const uint32_t values[] = {0,
                                   1,
                                   0x7FFFFFFF,
                                   ~uint32_t{0},
                                   kMaxWireHeaderBytes,
                                   kMaxWireHeaderBytes + 1,
                                   kMaxWirePayloadBytes + 1};
        const uint32_t value = values[random.Below(std::size(values))];
        const size_t at = random.Below(kFrameHeaderBytes / sizeof(value)) * sizeof(value);
        if (at + sizeof(value) <= bytes.size()) std::memcpy(&bytes[at], &value, sizeof(value));
        break;
      }
      case 3:
        bytes.resize(1 + random.Below(bytes.size()));
        break;
      case 4: {
        const Bytes more = random.Garbage(100);
        bytes.insert(bytes.end(), more.begin(), more.end());
        break;
      }
      default: {
        const Bytes again = bytes;
        bytes.insert(bytes.end(), again.begin(), again.end());
      }
    }
  }
}

Bytes Frame(FrameHeader header, std::string_view message, const Bytes& payload = {}) {
  FrameHead head;
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  EXPECT_TRUE(head.Encode(header, message).ok());
  Bytes bytes(head.bytes().begin(), head.bytes().end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

Bytes HelloFrame(Random& random) {
  proto::Hello hello = MakeHello({.uuid = "fuzz", .name = "fuzz"}, proto::WIRE_ROLE_DATA);
  if (random.OneIn(4)) hello.set_role(proto::WIRE_ROLE_CALLBACK);
  if (random.OneIn(4)) hello.set_max_version(static_cast<uint32_t>(random.Any()));
  if (random.OneIn(8)) hello.set_min_version(static_cast<uint32_t>(random.Any()));
  if (random.OneIn(8)) hello.set_cluster_id("another");
  if (random.OneIn(8)) hello.set_credentials(std::string(random.Below(kMaxHelloBytes * 2), 'c'));
  return Frame({.kind = FrameKind::kHello}, hello.SerializeAsString());
}

Bytes RequestFrame(Random& random) {
  BytesValue message;
  message.set_value(std::string(random.Below(10'000), 'm'));
  return Frame({.method = static_cast<uint16_t>(random.Any()), .request_id = random.Any()},
               message.SerializeAsString(), random.Garbage(kMostGarbageBytes));
}

class EchoHandler final : public Handler {
 public:
  void Handle(const Request& request, Responder& responder) override {
    BytesValue message;
    if (const absl::Status status = ParseMessage(request, &message); !status.ok()) {
      return responder.Error(status);
    }
    const iovec payload{request.payload.data(), request.payload.size()};
    responder.Ok(message, std::span(&payload, 1));
  }
};

// Sends, takes what comes back for a moment at most, and goes.
void Attack(Random& random, const std::string& address, const std::vector<Bytes>& pieces) {
  absl::StatusOr<Socket> socket = Connect(address, After(kLong));
  ASSERT_TRUE(socket.ok()) << socket.status();
  std::array<std::byte, 4096> answer;
  for (const Bytes& piece : pieces) {
    IovecCursor cursor(piece, {}, piece.size());
    if (!socket->SendAll(cursor, More::kNo, After(kLong)).ok()) return;
    if (random.OneIn(2) && !socket->ReceiveNow(answer).ok()) return;
  }
  if (random.OneIn(4)) (void)socket->Receive(answer, After(milliseconds(2)));
}

class WireFuzzTest : public testing::Test {
 protected:
  WireFuzzTest()
      : random_(Seed()),
        server_(*Server::Start({.name = "fuzzed",
                                .cluster_id = [] { return "cluster"; },
                                .io_timeout = milliseconds(200)},
                               &handler_)) {}

  // A peer that behaves must be served.
  void ExpectServed() {
    const auto channel = Channel::Make(
        {.address = server_->address(), .identity = {.uuid = "good", .name = "good"}});
    BytesValue request;
    request.set_value("good");
    BytesValue reply;
    Bytes sent = random_.Garbage(100'000);
    Bytes received(sent.size());
    const iovec send{sent.data(), sent.size()};
    const iovec receive{received.data(), received.size()};
    const auto bytes = channel->Call({.method = 1,
                                      .request = &request,
                                      .payload = std::span(&send, 1),
                                      .reply = &reply,
                                      .receive = std::span(&receive, 1),
                                      .timeout = kLong});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    ASSERT_EQ(reply.value(), "good");
    ASSERT_TRUE(received == sent);
  }

  // Attacks with what `make` gives, again and again, while good peers come as well.
  template <typename Make>
  void AttackForATime(Make make) {
    const Deadline end = After(kRunTime);
    for (int round = 0; std::chrono::steady_clock::now() < end; ++round) {
      ASSERT_NO_FATAL_FAILURE(Attack(random_, server_->address(), make()));
      if (round % 50 == 0) ASSERT_NO_FATAL_FAILURE(ExpectServed());
    }
    ExpectServed();
  }

  Random random_;
  EchoHandler handler_;
  const std::unique_ptr<Server> server_;
};

TEST_F(WireFuzzTest, HeadersAreDecodedWithinBoundsOrRefused) {
  for (int round = 0; round < kHeaderRounds; ++round) {
    Bytes bytes(kFrameHeaderBytes);
    if (random_.OneIn(4)) {
      for (std::byte& byte : bytes) byte = random_.Byte();
    } else {
      const auto valid =
          EncodeFrameHeader({.version = static_cast<uint8_t>(random_.Any()),
                             .kind = static_cast<FrameKind>(1 + random_.Below(4)),
                             .method = static_cast<uint16_t>(random_.Any()),
                             .status = static_cast<int32_t>(random_.Any()),
                             .request_id = random_.Any(),
                             .message_bytes = static_cast<uint32_t>(random_.Below(5 << 20)),
                             .payload_bytes = static_cast<uint32_t>(random_.Below(70 << 20))});
      bytes.assign(valid.begin(), valid.end());
      if (random_.OneIn(2)) Mutate(random_, bytes);
      bytes.resize(kFrameHeaderBytes);
    }
    const auto header = DecodeFrameHeader(std::span(bytes).first<kFrameHeaderBytes>());
    if (!header.ok()) {
      ASSERT_EQ(ErrnoOf(header.status()), EPROTO);
      continue;
    }
    ASSERT_LE(header->message_bytes, kMaxWireHeaderBytes);
    ASSERT_LE(header->payload_bytes, kMaxWirePayloadBytes);
    // Every bit of what is accepted has a meaning that is kept.
    const auto again = EncodeFrameHeader(*header);
    ASSERT_EQ(std::memcmp(again.data(), bytes.data(), kFrameHeaderBytes), 0);
  }
}

TEST_F(WireFuzzTest, HellosHarmNobody) {
  AttackForATime([this] {
    Bytes hello = HelloFrame(random_);
    if (!random_.OneIn(8)) Mutate(random_, hello);
    std::vector<Bytes> pieces = {std::move(hello)};
    if (random_.OneIn(2)) pieces.push_back(RequestFrame(random_));
    return pieces;
  });
}

TEST_F(WireFuzzTest, RequestsHarmNobody) {
  const proto::Hello hello = MakeHello({.uuid = "fuzz", .name = "fuzz"}, proto::WIRE_ROLE_DATA);
  const Bytes greeting = Frame({.kind = FrameKind::kHello}, hello.SerializeAsString());
  AttackForATime([&, this] {
    std::vector<Bytes> pieces = {greeting};
    for (size_t requests = 1 + random_.Below(5); requests > 0; --requests) {
      Bytes request = RequestFrame(random_);
      if (random_.OneIn(2)) Mutate(random_, request);
      if (random_.OneIn(4)) {  // pipelined with the one before
        pieces.back().insert(pieces.back().end(), request.begin(), request.end());
      } else {
        pieces.push_back(std::move(request));
      }
    }
    return pieces;
  });
}

TEST_F(WireFuzzTest, GarbageHarmsNobody) {
  AttackForATime([this] {
    std::vector<Bytes> pieces;
    if (random_.OneIn(2)) pieces.push_back(HelloFrame(random_));
    pieces.push_back(random_.Garbage(kMostGarbageBytes));
    return pieces;
  });
}

// The other way round: a server that answers with mutated frames.
TEST_F(WireFuzzTest, AnswersHarmNoClient) {
  absl::StatusOr<UniqueFd> listener = Listen("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  const std::string address = "127.0.0.1:" + std::to_string(LocalPort(listener->get()));
  std::atomic<bool> stop{false};
  Random random(Seed() + 1);
  std::thread server([&] {
    proto::HelloReply reply;
    reply.set_version(kProtocolVersion);
    const Bytes greeting = Frame({.kind = FrameKind::kHelloReply}, reply.SerializeAsString());
    std::array<std::byte, 4096> taken;
    while (!stop.load()) {
      UniqueFd fd(::accept(listener->get(), nullptr, nullptr));
      if (!fd.is_open()) {
        std::this_thread::yield();
        continue;
      }
      Socket socket(std::move(fd));
      Bytes hello = greeting;
      if (random.OneIn(4)) Mutate(random, hello);
      Bytes answer = Frame({.kind = FrameKind::kReply, .request_id = 1},
                           BytesValue().SerializeAsString(), random.Garbage(2'000));
      Mutate(random, answer);
      for (const Bytes& bytes : {hello, answer}) {
        if (!socket.Receive(taken, After(milliseconds(100))).ok()) break;
        IovecCursor cursor(bytes, {}, bytes.size());
        if (!socket.SendAll(cursor, More::kNo, After(milliseconds(100))).ok()) break;
      }
    }
  });
  const auto channel =
      Channel::Make({.address = address, .identity = {.uuid = "good", .name = "good"}});
  const Deadline end = After(kRunTime);
  while (std::chrono::steady_clock::now() < end) {
    const BytesValue request;
    BytesValue reply;
    Bytes received(1'000);
    const iovec receive{received.data(), received.size()};
    const auto bytes = channel->Call({.method = 1,
                                      .request = &request,
                                      .reply = &reply,
                                      .receive = std::span(&receive, 1),
                                      .timeout = milliseconds(100)});
    if (bytes.ok()) EXPECT_LE(*bytes, received.size());
  }
  stop.store(true);
  server.join();
}

}  // namespace
}  // namespace weft::wire
