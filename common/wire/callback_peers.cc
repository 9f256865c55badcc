#include "common/wire/callback_peers.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "common/status.h"
#include "common/wire/exchange.h"

namespace weft::wire {

// One connection; calls take turns on it.
class CallbackPeers::Link {
 public:
  explicit Link(std::shared_ptr<ServerConnection> connection)
      : connection_(std::move(connection)),
        exchange_(connection_->socket(), connection_->version(), FrameReceiver()) {}

  [[nodiscard]] const ServerConnection& connection() const { return *connection_; }
  void ShutDown() const { connection_->socket().Shutdown(SHUT_RDWR); }

  absl::Status Call(const CallSpec& spec, Deadline deadline) {
    if (!TakeTurn(deadline)) return absl::DeadlineExceededError("timed out behind another call");
    const absl::Status status = CallInTurn(spec, deadline);
    if (!exchange_.IsUsable()) ShutDown();
    GiveTurn();
    return status;
  }

 private:
  absl::Status CallInTurn(const CallSpec& spec, Deadline deadline) {
    if (!exchange_.IsUsable()) return TransportError("the callback connection is broken");
    WEFT_RETURN_IF_ERROR(exchange_.Send(spec, deadline));
    return exchange_.Receive(spec, deadline).status();
  }

  bool TakeTurn(Deadline deadline) {
    MutexLock lock(&mutex_);
    while (is_busy_) {
      if (!free_.WaitUntil(&mutex_, deadline) && is_busy_) return false;
    }
    is_busy_ = true;
    return true;
  }

  void GiveTurn() {
    MutexLock lock(&mutex_);
    is_busy_ = false;
    free_.Signal();
  }

  const std::shared_ptr<ServerConnection> connection_;
  Exchange exchange_;  // used by whose turn it is

  Mutex mutex_;
  CondVar free_;
  bool is_busy_ WEFT_GUARDED_BY(mutex_) = false;
};

CallbackPeers::CallbackPeers() = default;
CallbackPeers::~CallbackPeers() = default;

void CallbackPeers::Add(std::shared_ptr<ServerConnection> connection) {
  const std::string uuid = connection->peer().uuid;
  MutexLock lock(&mutex_);
  links_[uuid].push_back(std::make_shared<Link>(std::move(connection)));
}

void CallbackPeers::Remove(const ServerConnection& connection) {
  MutexLock lock(&mutex_);
  const auto found = links_.find(connection.peer().uuid);
  if (found == links_.end()) return;
  std::erase_if(found->second, [&connection](const std::shared_ptr<Link>& link) {
    return &link->connection() == &connection;
  });
  if (found->second.empty()) links_.erase(found);
}

absl::Status CallbackPeers::Call(std::string_view uuid, const CallSpec& spec) {
  const Deadline deadline = After(spec.timeout);
  const std::shared_ptr<Link> link = Newest(uuid);
  if (link == nullptr) {
    return TransportError("peer " + std::string(uuid) + " has no callback connection");
  }
  const absl::Status status = link->Call(spec, deadline);
  if (!IsTransport(status)) return status;
  const Peer& peer = link->connection().peer();
  return Annotate(status, "callback to " + peer.name + " at " + peer.address);
}

std::shared_ptr<CallbackPeers::Link> CallbackPeers::Newest(std::string_view uuid) const {
  MutexLock lock(&mutex_);
  const auto found = links_.find(std::string(uuid));
  return found == links_.end() ? nullptr : found->second.back();
}

std::vector<std::string> CallbackPeers::Uuids() const {
  MutexLock lock(&mutex_);
  std::vector<std::string> uuids;
  uuids.reserve(links_.size());
  for (const auto& [uuid, links] : links_) uuids.push_back(uuid);
  return uuids;
}

void CallbackPeers::ShutDownAll() {
  MutexLock lock(&mutex_);
  for (const auto& [uuid, links] : links_) {
    for (const std::shared_ptr<Link>& link : links) link->ShutDown();
  }
}

}  // namespace weft::wire
