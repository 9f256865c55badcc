// The serving side of the wire: a listener, epoll in one-shot mode and a pool of workers.
//
// The worker that wakes for a connection reads the whole request, calls the Handler, sends the
// reply and re-arms the connection: no hand-off between threads. A handler may block (on a disk, on
// another server): the pool grows, up to a bound, while all its workers are busy. A frame that has
// begun must be whole, and a reply be taken, within io_timeout, or the peer loses its connection. A
// frame that breaks a bound, or a hello of another cluster, closes that connection with a logged
// reason and harms nobody else.
//
// Server is thread-safe. A Handler is called from many threads at once.
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
#include <string_view>
#include <vector>

#include "common/wire/buffer.h"

namespace weft::wire {

// Who is at the other end, as it said in its hello.
struct Peer {
  std::string uuid;     // of the client or daemon
  std::string name;     // for logs: "client host:/mnt", "storage n1"
  std::string address;  // ip:port, for logs
};

struct Request {
  uint16_t method = 0;
  uint64_t request_id = 0;
  std::string_view message;      // serialized protobuf; valid during the call
  std::span<std::byte> payload;  // page-aligned; valid during the call; may be modified
  const Peer* peer = nullptr;
};

// A piece of a payload that is sent from a file by sendfile, not by copying. fd -1: that many
// zeros.
struct FileRange {
  int fd = -1;
  uint64_t offset_bytes = 0;
  uint32_t length_bytes = 0;
};

// Sends exactly one reply. Not thread-safe; lives during Handler::Handle only. Where the handler
// calls none of these, EIO is sent. The memory and descriptors given must stay valid during the
// call only.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void Ok(const google::protobuf::MessageLite& message,
                  std::span<const iovec> payload = {}) = 0;
  // A file that ends inside a range, or cannot be read, ends the connection: the length is promised
  // before.
  virtual void OkFromFile(const google::protobuf::MessageLite& message,
                          std::span<const FileRange> payload) = 0;
  // Sends ErrnoOf(status) (never 0; transport errors become EIO) and its text.
  virtual void Error(const absl::Status& status) = 0;
};

class Handler {
 public:
  virtual ~Handler() = default;
  virtual void Handle(const Request& request, Responder& responder) = 0;
};

// Parses the message of `request` into `*message`. EPROTO naming the method where it is malformed.
[[nodiscard]] absl::Status ParseMessage(const Request& request,
                                        google::protobuf::MessageLite* message);

struct ServerOptions {
  std::string listen_address = "127.0.0.1:0";  // host:port; port 0 takes a free one
  std::string name;                            // for hellos and logs
  std::function<std::string()> cluster_id;     // empty string: not known yet, any peer is welcome
  uint32_t min_workers = 4;
  uint32_t max_workers = 256;
  uint32_t max_connections = 16384;
  // For one frame in or out. Connections that have not said hello for so long go first where
  // max_connections is reached.
  std::chrono::milliseconds io_timeout{30'000};
};

class Server {
 public:
  // Binds, listens and serves at once. `handler` must outlive the server. An address that cannot be
  // used: an error that names it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options,
                                                                     Handler* handler);
  // Stops as Stop does.
  virtual ~Server() = default;

  // host:port with the real port.
  [[nodiscard]] virtual std::string address() const = 0;

  // Requests in progress are finished and answered, then connections close. Idempotent.
  virtual void Stop() = 0;

  // Calls the peer of the given uuid over the newest callback connection that it opened (see
  // CallbackListener). Transport error where it has none, or after `timeout`. One call at a time
  // goes over a connection; must not be called where the peer's answer needs the calling worker.
  [[nodiscard]] virtual absl::Status CallPeer(std::string_view peer_uuid, uint16_t method,
                                              const google::protobuf::MessageLite& request,
                                              google::protobuf::MessageLite* reply,
                                              std::chrono::milliseconds timeout) = 0;

  // uuids of the peers that have a callback connection now.
  [[nodiscard]] virtual std::vector<std::string> CallbackPeers() const = 0;
};

}  // namespace weft::wire
