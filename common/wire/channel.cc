#include "common/wire/channel.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"
#include "common/wire/client_connection.h"

namespace weft::wire {
namespace {

using ConnectionPtr = std::unique_ptr<ClientConnection>;

// Connections without a call, the last used first. Thread-safe.
class IdleConnections {
 public:
  IdleConnections(std::string address, size_t most) : address_(std::move(address)), most_(most) {}

  // host:port that they lead to.
  [[nodiscard]] const std::string& address() const { return address_; }

  // One that is fit for a call, or null. Those that are not are closed.
  ConnectionPtr Take() {
    while (ConnectionPtr connection = Pop()) {
      if (connection->IsFresh()) return connection;
    }
    return nullptr;
  }

  void Give(ConnectionPtr connection) {
    MutexLock lock(&mutex_);
    if (idle_.size() < most_) idle_.push_back(std::move(connection));
  }

  void Drop() {
    std::vector<ConnectionPtr> dropped;  // closed after the lock is released
    {
      MutexLock lock(&mutex_);
      dropped.swap(idle_);
    }
  }

 private:
  ConnectionPtr Pop() {
    MutexLock lock(&mutex_);
    if (idle_.empty()) return nullptr;
    ConnectionPtr connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }

  const std::string address_;
  const size_t most_;
  Mutex mutex_;
  std::vector<ConnectionPtr> idle_ WEFT_GUARDED_BY(mutex_);
};

// Names the address in a transport error; leaves what the server answered as it is.
absl::Status NameAddress(const absl::Status& status, const std::string& address) {
  return IsTransport(status) ? Annotate(status, address) : status;
}

class PendingCallImpl final : public PendingCall {
 public:
  PendingCallImpl(std::shared_ptr<IdleConnections> idle, ConnectionPtr connection,
                  const CallSpec& spec, Deadline deadline)
      : idle_(std::move(idle)),
        connection_(std::move(connection)),
        spec_(spec),
        deadline_(deadline) {}

  absl::StatusOr<size_t> Finish() override {
    if (connection_ == nullptr) return TransportError(idle_->address() + ": finished twice");
    ConnectionPtr connection = std::move(connection_);
    absl::StatusOr<size_t> received = connection->exchange().Receive(spec_, deadline_);
    if (connection->exchange().IsUsable()) idle_->Give(std::move(connection));
    if (received.ok()) return received;
    return NameAddress(received.status(), idle_->address());
  }

 private:
  const std::shared_ptr<IdleConnections> idle_;
  ConnectionPtr connection_;  // null once finished
  const CallSpec spec_;
  const Deadline deadline_;
};

class ChannelImpl final : public Channel {
 public:
  explicit ChannelImpl(ChannelOptions options)
      : options_(std::move(options)),
        idle_(std::make_shared<IdleConnections>(options_.address, options_.max_idle_connections)) {}

  const std::string& address() const override { return options_.address; }

  absl::StatusOr<std::unique_ptr<PendingCall>> Start(const CallSpec& spec) override {
    const Deadline deadline = After(spec.timeout);
    if (ConnectionPtr connection = idle_->Take()) {
      const absl::Status status = connection->exchange().Send(spec, deadline);
      if (status.ok()) return Pending(std::move(connection), spec, deadline);
      // The server closed it in this very moment; nothing has left, so it is as if it were not
      // there.
      const bool is_stale = IsTransport(status) && connection->exchange().SentNothing() &&
                            std::chrono::steady_clock::now() < deadline;
      if (!is_stale) return NameAddress(status, address());
    }
    WEFT_ASSIGN_OR_RETURN(ConnectionPtr connection, Open(deadline));
    const absl::Status status = connection->exchange().Send(spec, deadline);
    if (!status.ok()) return NameAddress(status, address());
    return Pending(std::move(connection), spec, deadline);
  }

  void DropIdle() override { idle_->Drop(); }

 private:
  absl::StatusOr<ConnectionPtr> Open(Deadline deadline) {
    return ClientConnection::Open(options_.address, options_.identity, proto::WIRE_ROLE_DATA,
                                  std::min(deadline, After(options_.connect_timeout)));
  }

  std::unique_ptr<PendingCall> Pending(ConnectionPtr connection, const CallSpec& spec,
                                       Deadline deadline) {
    return std::make_unique<PendingCallImpl>(idle_, std::move(connection), spec, deadline);
  }

  const ChannelOptions options_;
  const std::shared_ptr<IdleConnections> idle_;
};

}  // namespace

std::unique_ptr<Channel> Channel::Make(ChannelOptions options) {
  return std::make_unique<ChannelImpl>(std::move(options));
}

absl::StatusOr<size_t> Channel::Call(const CallSpec& spec) {
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<PendingCall> call, Start(spec));
  return call->Finish();
}

struct ChannelPool::State {
  Identity identity;
  Mutex mutex;
  absl::flat_hash_map<std::string, std::unique_ptr<Channel>> channels WEFT_GUARDED_BY(mutex);
};

ChannelPool::ChannelPool(Identity identity) : state_(std::make_unique<State>()) {
  state_->identity = std::move(identity);
}

ChannelPool::~ChannelPool() = default;

Channel& ChannelPool::Get(const std::string& address) {
  MutexLock lock(&state_->mutex);
  std::unique_ptr<Channel>& channel = state_->channels[address];
  if (channel == nullptr) {
    channel = Channel::Make({.address = address, .identity = state_->identity});
  }
  return *channel;
}

}  // namespace weft::wire
