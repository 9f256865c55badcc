// The calling side of the wire: a pool of blocking connections to one server.
//
// A call takes a connection, sends, and receives on the calling thread, so a round trip costs one
// wake-up on each side. Several calls can be in flight from one thread: Start each, then Finish
// each; each has a connection of its own meanwhile. Errors: what the server answered is a
// PosixError; that no answer came is a transport error (IsTransport), after which the connection is
// closed and the call may or may not have been carried out.
//
// Channel is thread-safe. A PendingCall belongs to one thread at a time.
#pragma once

#include <absl/status/statusor.h>
#include <google/protobuf/message_lite.h>
#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace weft::wire {

// How this process introduces itself.
struct Identity {
  std::string uuid;
  std::string name;
  std::function<std::string()> cluster_id;  // empty string: not known yet
};

struct ChannelOptions {
  std::string address;  // host:port
  Identity identity;
  uint32_t max_idle_connections = 64;
  std::chrono::milliseconds connect_timeout{3'000};
};

struct CallSpec {
  uint16_t method = 0;
  const google::protobuf::MessageLite* request = nullptr;
  std::span<const iovec> payload;  // sent after the message
  google::protobuf::MessageLite* reply = nullptr;
  // The payload of the reply is scattered into these; more than fits is EPROTO.
  std::span<const iovec> receive;
  std::chrono::milliseconds timeout{10'000};  // for the whole call
};

class PendingCall {
 public:
  virtual ~PendingCall() = default;  // an unfinished call is given up: its connection is closed
  // Waits for the reply. Returns the bytes of payload received. Once only. What CallSpec points to
  // must live until then.
  [[nodiscard]] virtual absl::StatusOr<size_t> Finish() = 0;
};

class Channel {
 public:
  [[nodiscard]] static std::unique_ptr<Channel> Make(ChannelOptions options);
  virtual ~Channel() = default;

  [[nodiscard]] virtual const std::string& address() const = 0;

  // Connects if no idle connection is there, and sends. An idle connection that turns out to have
  // been closed by the server before anything was answered is replaced once, silently, only where
  // nothing of the request can have reached a living server.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<PendingCall>> Start(
      const CallSpec& spec) = 0;

  // Start, then Finish.
  [[nodiscard]] absl::StatusOr<size_t> Call(const CallSpec& spec);

  // Closes the idle connections, as after the server's restart.
  virtual void DropIdle() = 0;
};

// Channels by address, made on first use. Thread-safe; channels live as long as the pool.
class ChannelPool {
 public:
  explicit ChannelPool(Identity identity);
  ~ChannelPool();
  [[nodiscard]] Channel& Get(const std::string& address);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Keeps one connection open to a server, over which the server calls this process, and answers
// those calls on a thread of its own. Reconnects with backoff for as long as it lives. Thread-safe.
class CallbackListener {
 public:
  // Fills `*reply` with a serialized message; an error is sent as the answer.
  using Callback =
      std::function<absl::Status(uint16_t method, std::string_view message, std::string* reply)>;
  static std::unique_ptr<CallbackListener> Start(ChannelOptions options, Callback callback);
  virtual ~CallbackListener() = default;
};

}  // namespace weft::wire
