#include "client/core/session.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/status.h"
#include "common/version.h"
#include "common/wire/backoff.h"

namespace weft::client {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCloseTimeout{2'000};
constexpr milliseconds kOpenTryTimeout{5'000};
constexpr milliseconds kShortestPeriod{50};

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace

Session::Session(Options options, MetadataClient* metadata, const IoTimeout* timeout)
    : options_(std::move(options)),
      metadata_(metadata),
      timeout_(timeout),
      channel_(wire::Channel::Make(options_.server)) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(Options options, MetadataClient* metadata,
                                                       const IoTimeout* timeout) {
  std::unique_ptr<Session> session(new Session(std::move(options), metadata, timeout));
  WEFT_RETURN_IF_ERROR(
      session->OpenUntil(std::chrono::steady_clock::now() + session->options_.connect_timeout));
  return session;
}

absl::Status Session::OpenUntil(std::chrono::steady_clock::time_point deadline) {
  proto::OpenSessionRequest request;
  request.set_client_uuid(options_.server.identity.uuid);
  request.set_host(HostName());
  request.set_mount_point(options_.mount_point);
  request.set_version(kVersion);
  request.set_read_only(options_.read_only);
  wire::Backoff backoff(deadline);
  for (;;) {
    auto reply = metadata_->OpenSession(request, std::min(kOpenTryTimeout, backoff.Left()));
    if (reply.ok()) {
      MutexLock lock(&mutex_);
      id_ = SessionId(reply->session_id());
      server_start_ = 0;
      ttl_ = milliseconds(reply->ttl_ms());
      cluster_id_ = reply->cluster_id();
      durability_id_ = reply->durability_id();
      metadata_->UseSession(id_);
      return absl::OkStatus();
    }
    if (ErrnoOf(reply.status()) == EOPNOTSUPP) {
      return PosixError(EOPNOTSUPP, options_.server.address +
                                        " is no metadata-server: name the wire address of one (" +
                                        MessageOf(reply.status()) + ")");
    }
    const std::string who = "metadata-server " + options_.server.address;
    if (!IsTransport(reply.status())) return Annotate(reply.status(), who);
    if (!backoff.Wait()) {
      return PosixError(ETIMEDOUT, who + " cannot be reached: " + MessageOf(reply.status()));
    }
  }
}

void Session::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  callbacks_.reset();
}

Session::~Session() {
  Stop();
  SessionId id;
  {
    MutexLock lock(&mutex_);
    id = id_;
  }
  if (id.is_none()) return;
  const auto closed = metadata_->CloseSession(id, kCloseTimeout);
  if (!closed.ok()) {
    spdlog::warn("session {} was not closed and will expire: {}", id.value(),
                 MessageOf(closed.status()));
  }
}

void Session::Start(Hooks hooks) {
  hooks_ = std::move(hooks);
  callbacks_ = wire::CallbackListener::Start(
      options_.server, [this](uint16_t method, std::string_view message, std::string* reply) {
        return OnCallback(method, message, reply);
      });
  thread_ = std::thread([this] { Run(); });
}

absl::Status Session::OnCallback(uint16_t method, std::string_view message, std::string* reply) {
  if (method == proto::LOCK_GRANTED) return OnLockGranted(message, reply);
  if (method != proto::MAP_CHANGED) {
    return PosixError(EOPNOTSUPP, "callback " + std::to_string(method) + " is not known");
  }
  proto::MapChangedRequest request;
  if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return PosixError(EPROTO, "malformed MapChangedRequest");
  }
  hooks_.map_epoch(MapEpoch(request.map_epoch()));
  proto::MapChangedReply().SerializeToString(reply);
  return absl::OkStatus();
}

absl::Status Session::OnLockGranted(std::string_view message, std::string* reply) {
  proto::LockGrantedRequest request;
  if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return PosixError(EPROTO, "malformed LockGrantedRequest");
  }
  hooks_.lock_granted(request);
  proto::LockGrantedReply().SerializeToString(reply);
  return absl::OkStatus();
}

void Session::Run() {
  bool silent = false;  // the last keep-alive got no answer
  for (;;) {
    {
      MutexLock lock(&mutex_);
      // A server that does not answer may be restarting: be there soon after.
      const milliseconds period = std::max(kShortestPeriod, ttl_ / (silent ? 15 : 3));
      const auto next = std::chrono::steady_clock::now() + period;
      while (!stopping_ && wake_.WaitUntil(&mutex_, next)) {
      }
      if (stopping_) return;
    }
    const absl::Status status = KeepAlive();
    if (!status.ok() && !silent) spdlog::warn("keep-alive: {}", MessageOf(status));
    if (status.ok() && silent) spdlog::info("keep-alive: {} answers again", channel_->address());
    silent = !status.ok();
  }
}

absl::StatusOr<proto::KeepAliveReply> Session::CallKeepAlive(
    const proto::KeepAliveRequest& request) {
  proto::KeepAliveReply reply;
  wire::CallSpec spec;
  spec.method = proto::KEEP_ALIVE;
  spec.request = &request;
  spec.reply = &reply;
  {
    MutexLock lock(&mutex_);
    spec.timeout = std::max(kShortestPeriod, ttl_ / 3);
  }
  WEFT_RETURN_IF_ERROR(channel_->Call(spec).status());
  return reply;
}

absl::Status Session::KeepAlive() {
  proto::KeepAliveRequest request;
  {
    MutexLock lock(&mutex_);
    request.set_session_id(id_.value());
    request.set_known_server_start(server_start_);
  }
  auto reply = CallKeepAlive(request);
  if (reply.ok() && reply->server_start() != request.known_server_start()) {
    metadata_->opens().Report(SessionId(request.session_id()), &request);
    *request.mutable_lock_report() = hooks_.locks(reply->server_start());
    reply = CallKeepAlive(request);
    if (reply.ok()) {
      if (request.known_server_start() != 0) {
        spdlog::info("metadata-server has restarted: {} open files reported, {} are gone",
                     request.opens_size(), reply->lost_inodes_size());
      }
      {
        MutexLock lock(&mutex_);
        if (id_.value() == request.session_id()) server_start_ = reply->server_start();
      }
      hooks_.inodes_lost({reply->lost_inodes().begin(), reply->lost_inodes().end()});
      hooks_.locks_lost({reply->lost_locks().begin(), reply->lost_locks().end()});
    }
  }
  if (!reply.ok() && ErrnoOf(reply.status()) == ESHUTDOWN) {
    return Renew(SessionId(request.session_id()));
  }
  WEFT_RETURN_IF_ERROR(reply.status());
  hooks_.map_epoch(MapEpoch(reply->map_epoch()));
  return absl::OkStatus();
}

absl::Status Session::Renew(SessionId stale) {
  MutexLock renewal(&renewal_);
  {
    MutexLock lock(&mutex_);
    if (id_ != stale) return absl::OkStatus();
  }
  spdlog::warn("session {} is lost; opening a new one", stale.value());
  hooks_.lost();
  WEFT_RETURN_IF_ERROR(OpenUntil(timeout_->Deadline()));
  proto::KeepAliveRequest request;
  {
    MutexLock lock(&mutex_);
    request.set_session_id(id_.value());
  }
  metadata_->opens().Report(SessionId(request.session_id()), &request);
  const auto reply = CallKeepAlive(request);
  if (!reply.ok()) return absl::OkStatus();  // the next keep-alive reports them
  {
    MutexLock lock(&mutex_);
    server_start_ = reply->server_start();
  }
  hooks_.inodes_lost({reply->lost_inodes().begin(), reply->lost_inodes().end()});
  return absl::OkStatus();
}

std::string Session::cluster_id() const {
  MutexLock lock(&mutex_);
  return cluster_id_;
}

std::string Session::durability_id() const {
  MutexLock lock(&mutex_);
  return durability_id_;
}

}  // namespace weft::client
