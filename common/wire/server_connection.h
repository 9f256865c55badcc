// One connection that a peer opened to this server: hello first, then request by request.
//
// Epoll hands it from worker to worker, one at a time; BeginTurn and EndTurn order what they do.
// Only the members that say so may be used by others meanwhile.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>

#include "common/wire/frame_io.h"
#include "common/wire/peer_log.h"
#include "common/wire/server.h"
#include "proto/hello.pb.h"

namespace weft::wire {

// Memory that a worker lends to the connection it serves: nothing is kept in it between turns.
struct WorkerMemory {
  FrameReceiver receiver;
  FrameHead head;
};

// What the connections of a server have in common; must outlive them.
struct Serving {
  const ServerOptions& options;
  Handler& handler;
  PeerLog& log;
};

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  enum class Next {
    kAwaitRequest,
    kServeCallbacks,  // from now on the server calls over it
    kClose,
  };

  ServerConnection(UniqueFd fd, const Serving& serving);

  void BeginTurn() { (void)turn_.load(std::memory_order_acquire); }
  // Before epoll has it again.
  void EndTurn() { turn_.fetch_add(1, std::memory_order_release); }

  // Reads and answers what has come. Logs why where it asks to be closed.
  [[nodiscard]] Next OnReadable(WorkerMemory& memory);

  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] uint8_t version() const { return version_; }
  [[nodiscard]] const Peer& peer() const { return peer_; }

  // Thread-safe.
  [[nodiscard]] bool is_callback() const { return is_callback_.load(); }
  // True where no hello came within `timeout` of the connecting. Thread-safe.
  [[nodiscard]] bool IsSilentFor(std::chrono::milliseconds timeout) const;

 private:
  absl::Status ServeFrame(WorkerMemory& memory);
  absl::Status Greet(const FrameHeader& header, WorkerMemory& memory, Deadline deadline);
  // Notes who the peer is, and answers what it gets in reply to its hello.
  absl::StatusOr<proto::HelloReply> Introduce(const FrameHeader& header, std::string_view message);
  absl::Status ServeRequest(const FrameHeader& header, WorkerMemory& memory, Deadline deadline);

  const Serving& serving_;
  const Deadline connected_at_;

  std::atomic<uint64_t> turn_{0};
  std::atomic<bool> has_greeted_{false};
  std::atomic<bool> is_callback_{false};

  Socket socket_;
  uint8_t version_ = 0;  // of the protocol, once the hello has settled it
  Peer peer_;
};

}  // namespace weft::wire
