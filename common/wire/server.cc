#include "common/wire/server.h"

#include <absl/container/flat_hash_map.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"
#include "common/wire/address.h"
#include "common/wire/callback_peers.h"
#include "common/wire/server_connection.h"
#include "common/wire/worker_pool.h"

namespace weft::wire {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSpareWorkerIdle{10'000};  // after which a spare worker leaves
constexpr int kMaxAcceptsPerTurn = 64;
constexpr milliseconds kAcceptPause{10};  // where descriptors or memory are out

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, Handler& handler, std::string address, UniqueFd listener,
             UniqueFd epoll, UniqueFd stop)
      : options_(std::move(options)),
        serving_{options_, handler, log_},
        address_(std::move(address)),
        listener_(std::move(listener)),
        epoll_(std::move(epoll)),
        stop_(std::move(stop)),
        pool_(options_.min_workers, options_.max_workers, [this] { Work(); }) {}
  ~ServerImpl() override { Stop(); }

  // Lets connections in.
  absl::Status Begin() {
    if (Watch(EPOLL_CTL_ADD, stop_.get(), EPOLLIN, &stop_) &&
        Watch(EPOLL_CTL_ADD, listener_.get(), EPOLLIN | EPOLLONESHOT, &listener_)) {
      return absl::OkStatus();
    }
    return PosixError(EIO, address_ + ": epoll does not take the listener");
  }

  std::string address() const override { return address_; }

  void Stop() override {
    MutexLock only_one(&stop_mutex_);
    if (has_stopped_) return;
    has_stopped_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    EndReading();
    const uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof(one));  // an eventfd takes it always
    pool_.Join();
    peers_.ShutDownAll();
    MutexLock lock(&connections_mutex_);
    for (const auto& [pointer, connection] : connections_) {
      if (connection->is_callback()) peers_.Remove(*connection);
    }
    connections_.clear();
  }

  absl::Status CallPeer(std::string_view peer_uuid, uint16_t method,
                        const google::protobuf::MessageLite& request,
                        google::protobuf::MessageLite* reply, milliseconds timeout) override {
    return peers_.Call(peer_uuid, {.method = method,
                                   .request = &request,
                                   .payload = {},
                                   .reply = reply,
                                   .receive = {},
                                   .timeout = timeout});
  }

  std::vector<std::string> CallbackPeers() const override { return peers_.Uuids(); }

 private:
  // What a worker does, all its life.
  void Work() {
    WorkerMemory memory;
    for (;;) {
      epoll_event event{};
      pool_.BeginWait();
      const int count =
          ::epoll_wait(epoll_.get(), &event, 1, static_cast<int>(kSpareWorkerIdle.count()));
      if (count == 0) {
        if (pool_.EndWaitAndRetire()) return;
        continue;
      }
      pool_.EndWait();
      if (count < 0) continue;  // a signal
      if (event.data.ptr == &stop_) return;
      if (event.data.ptr == &listener_) {
        Accept();
      } else {
        Serve(*static_cast<ServerConnection*>(event.data.ptr), memory);
      }
    }
  }

  void Serve(ServerConnection& connection, WorkerMemory& memory) {
    // Keeps the descriptor open until this worker's last call about it has returned, although
    // another worker may have the connection by then, and close it.
    const std::shared_ptr<ServerConnection> keep = connection.shared_from_this();
    connection.BeginTurn();
    // The peer says nothing of its own accord on a callback connection: it has gone.
    if (connection.is_callback()) return Close(connection);
    switch (connection.OnReadable(memory)) {
      case ServerConnection::Next::kAwaitRequest:
        return Await(connection, EPOLLIN);
      case ServerConnection::Next::kServeCallbacks:
        peers_.Add(keep);
        return Await(connection, EPOLLRDHUP);
      case ServerConnection::Next::kClose:
        return Close(connection);
    }
  }

  // Lets any worker have the connection at its next event.
  void Await(ServerConnection& connection, uint32_t events) {
    const int fd = connection.socket().fd();
    connection.EndTurn();
    if (!Watch(EPOLL_CTL_MOD, fd, events | EPOLLONESHOT, &connection)) Close(connection);
  }

  bool Watch(int operation, int fd, uint32_t events, void* what) const {
    epoll_event event{.events = events, .data = {.ptr = what}};
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) == 0) return true;
    spdlog::error("epoll_ctl: {}", std::strerror(errno));
    return false;
  }

  void Close(ServerConnection& connection) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.socket().fd(), nullptr);
    if (connection.is_callback()) peers_.Remove(connection);
    // A call over it may be in progress, whose caller owns it too.
    connection.socket().Shutdown(SHUT_RDWR);
    MutexLock lock(&connections_mutex_);
    connections_.erase(&connection);
  }

  void Accept() {
    for (int i = 0; i < kMaxAcceptsPerTurn; ++i) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd.is_open()) {
        Admit(std::move(fd));
        continue;
      }
      if (errno == EINVAL) return;  // it was shut down by Stop
      if (errno == EAGAIN) break;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      spdlog::error("{}: accept: {}", address_, std::strerror(errno));
      std::this_thread::sleep_for(kAcceptPause);
      break;
    }
    Watch(EPOLL_CTL_MOD, listener_.get(), EPOLLIN | EPOLLONESHOT, &listener_);
  }

  void Admit(UniqueFd fd) {
    Tune(fd.get());
    const auto connection = std::make_shared<ServerConnection>(std::move(fd), serving_);
    MutexLock lock(&connections_mutex_);
    if (is_closed_) return;
    if (connections_.size() >= options_.max_connections) {
      log_.Warn(connection->peer().address + " is turned away: " +
                std::to_string(connections_.size()) + " connections are open");
      EndSilent();
      return;
    }
    connections_.emplace(connection.get(), connection);
    if (!Watch(EPOLL_CTL_ADD, connection->socket().fd(), EPOLLIN | EPOLLONESHOT,
               connection.get())) {
      connections_.erase(connection.get());
    }
  }

  // Makes room by ending connections that never said hello; their workers then close them.
  void EndSilent() WEFT_REQUIRES(connections_mutex_) {
    for (const auto& [pointer, connection] : connections_) {
      if (connection->IsSilentFor(options_.io_timeout)) connection->socket().Shutdown(SHUT_RDWR);
    }
  }

  // No more requests: those received go on, those half received end. Callbacks, which requests may
  // be waiting for, go on.
  void EndReading() {
    MutexLock lock(&connections_mutex_);
    is_closed_ = true;
    for (const auto& [pointer, connection] : connections_) {
      if (!connection->is_callback()) connection->socket().Shutdown(SHUT_RD);
    }
  }

  const ServerOptions options_;
  PeerLog log_;
  const Serving serving_;
  const std::string address_;
  UniqueFd listener_;
  const UniqueFd epoll_;
  UniqueFd stop_;  // readable once the server stops

  wire::CallbackPeers peers_;

  Mutex stop_mutex_;  // held before connections_mutex_
  bool has_stopped_ WEFT_GUARDED_BY(stop_mutex_) = false;

  Mutex connections_mutex_;
  bool is_closed_ WEFT_GUARDED_BY(connections_mutex_) = false;
  absl::flat_hash_map<ServerConnection*, std::shared_ptr<ServerConnection>> connections_
      WEFT_GUARDED_BY(connections_mutex_);

  WorkerPool pool_;  // last: its threads use all the others
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options, Handler* handler) {
  WEFT_ASSIGN_OR_RETURN(const HostPort parts, ParseAddress(options.listen_address));
  WEFT_ASSIGN_OR_RETURN(UniqueFd listener, Listen(options.listen_address));
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!epoll.is_open() || !stop.is_open()) return LastError("epoll or eventfd");
  const bool is_ipv6 = parts.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + parts.host + "]" : parts.host;
  const std::string address = host + ":" + std::to_string(LocalPort(listener.get()));
  auto server =
      std::make_unique<ServerImpl>(std::move(options), *handler, address, std::move(listener),
                                   std::move(epoll), std::move(stop));
  WEFT_RETURN_IF_ERROR(server->Begin());
  return server;
}

absl::Status ParseMessage(const Request& request, google::protobuf::MessageLite* message) {
  if (message->ParseFromArray(request.message.data(), static_cast<int>(request.message.size()))) {
    return absl::OkStatus();
  }
  return PosixError(EPROTO, "malformed request for method " + std::to_string(request.method));
}

}  // namespace weft::wire
