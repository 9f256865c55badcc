// A server with a handler for tests, and peers that misbehave byte by byte.
#pragma once

#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"
#include "common/wire/address.h"
#include "common/wire/backoff.h"
#include "common/wire/channel.h"
#include "common/wire/frame_io.h"
#include "common/wire/hello.h"
#include "common/wire/server.h"

namespace weft::wire {

using google::protobuf::BytesValue;

// Generous: only a failing test waits for so long.
inline constexpr std::chrono::milliseconds kLong{60'000};

enum TestMethod : uint16_t {
  kEcho = 1,  // message and payload come back
  kCall = 2,  // calls TestServer's function
};

// Bytes that tell where they come from.
inline std::vector<std::byte> Pattern(size_t bytes, uint32_t seed = 1) {
  std::vector<std::byte> pattern(bytes);
  uint32_t state = seed * 2654435761U + 1;
  for (std::byte& byte : pattern) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return pattern;
}

inline iovec Piece(std::span<std::byte> bytes) { return {bytes.data(), bytes.size()}; }

// Serves kEcho, and kCall by a function that a test gives.
class TestHandler final : public Handler {
 public:
  using Function = std::function<void(const Request&, Responder&)>;
  explicit TestHandler(Function function = {}) : function_(std::move(function)) {}

  void Handle(const Request& request, Responder& responder) override {
    if (request.method == kCall && function_) return function_(request, responder);
    BytesValue message;
    const absl::Status status = ParseMessage(request, &message);
    if (!status.ok()) return responder.Error(status);
    const iovec payload{request.payload.data(), request.payload.size()};
    responder.Ok(message, std::span(&payload, 1));
  }

 private:
  const Function function_;
};

inline std::unique_ptr<Server> StartServer(Handler& handler, ServerOptions options = {}) {
  if (options.name.empty()) options.name = "test server";
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(std::move(options), &handler);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

inline Identity TestIdentity(std::string uuid = "client-uuid", std::string cluster = "") {
  return {.uuid = std::move(uuid),
          .name = "test client",
          .cluster_id = [cluster = std::move(cluster)] { return cluster; }};
}

inline std::unique_ptr<Channel> ChannelTo(const std::string& address,
                                          Identity identity = TestIdentity()) {
  return Channel::Make({.address = address, .identity = std::move(identity)});
}

// Calls kEcho with `text` and a payload of `bytes` bytes; the error, or what is wrong with the
// answer.
inline absl::Status Echo(Channel& channel, std::string_view text, size_t bytes = 0,
                         std::chrono::milliseconds timeout = kLong) {
  BytesValue request;
  request.set_value(std::string(text));
  BytesValue reply;
  std::vector<std::byte> out = Pattern(bytes);
  std::vector<std::byte> in(bytes);
  const iovec send = Piece(out);
  const iovec receive = Piece(in);
  WEFT_ASSIGN_OR_RETURN(const size_t received, channel.Call({.method = kEcho,
                                                             .request = &request,
                                                             .payload = std::span(&send, 1),
                                                             .reply = &reply,
                                                             .receive = std::span(&receive, 1),
                                                             .timeout = timeout}));
  if (received != bytes || in != out) return PosixError(EBADMSG, "other payload");
  if (reply.value() != text) return PosixError(EBADMSG, "other message");
  return absl::OkStatus();
}

// Calls kCall without payload.
inline absl::Status CallFunction(Channel& channel, std::chrono::milliseconds timeout = kLong) {
  const BytesValue request;
  BytesValue reply;
  return channel.Call({.method = kCall, .request = &request, .reply = &reply, .timeout = timeout})
      .status();
}

// Something that a test waits for, from 0 upwards.
class Counter {
 public:
  void Add() {
    MutexLock lock(&mutex_);
    ++value_;
    changed_.SignalAll();
  }
  // False where it takes too long.
  [[nodiscard]] bool WaitFor(int value) {
    const Deadline deadline = After(kLong);
    MutexLock lock(&mutex_);
    while (value_ < value) {
      if (!changed_.WaitUntil(&mutex_, deadline) && value_ < value) return false;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int value_ WEFT_GUARDED_BY(mutex_) = 0;
};

// A connection on which a test writes what it likes.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address) {
    absl::StatusOr<Socket> socket = Connect(address, After(kLong));
    EXPECT_TRUE(socket.ok()) << socket.status();
    if (socket.ok()) socket_ = *std::move(socket);
  }

  Socket& socket() { return socket_; }

  absl::Status Send(std::span<const std::byte> bytes) {
    IovecCursor cursor(bytes, {}, bytes.size());
    return socket_.SendAll(cursor, More::kNo, After(kLong));
  }
  absl::Status Send(std::string_view bytes) {
    return Send(std::as_bytes(std::span(bytes.data(), bytes.size())));
  }
  absl::Status SendFrame(const FrameHeader& header, std::string_view message) {
    FrameHead head;
    WEFT_RETURN_IF_ERROR(head.Encode(header, message));
    return Send(head.bytes());
  }
  absl::StatusOr<FrameHeader> Receive(std::string* message) {
    WEFT_ASSIGN_OR_RETURN(const FrameHeader header, receiver_.ReceiveHead(socket_, After(kLong)));
    *message = receiver_.message();
    return header;
  }
  // The answer to a hello.
  absl::StatusOr<FrameHeader> Greet(const proto::Hello& hello, std::string* message) {
    WEFT_RETURN_IF_ERROR(SendFrame({.kind = FrameKind::kHello}, hello.SerializeAsString()));
    return Receive(message);
  }
  void Greet() {
    std::string message;
    const auto header = Greet(MakeHello(TestIdentity(), proto::WIRE_ROLE_DATA), &message);
    ASSERT_TRUE(header.ok()) << header.status();
    ASSERT_EQ(header->status, 0) << message;
  }
  // True once the server has closed it, whatever it sends before.
  [[nodiscard]] bool IsClosed() {
    std::array<std::byte, 4096> bytes;
    for (;;) {
      const absl::Status status = socket_.Receive(bytes, After(kLong)).status();
      if (!status.ok()) return absl::IsUnavailable(status);
    }
  }

 private:
  Socket socket_;
  FrameReceiver receiver_;
};

}  // namespace weft::wire
