#include "metadata-server/server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/clock.h"
#include "common/status.h"
#include "common/uuid.h"
#include "common/version.h"
#include "metadata-server/service/lock_listing.h"

namespace weft::metadata {
namespace {

constexpr std::chrono::milliseconds kUpkeepInterval{500};
constexpr std::chrono::milliseconds kTellTimeout{1'000};
// Walks leave the store to others for so long after so many names.
constexpr std::chrono::milliseconds kWalkInterval{50};
constexpr size_t kWalkNames = 2'000;

}  // namespace

Server::Server(Options options)
    : options_(std::move(options)), uuid_(NewUuid()), started_(std::chrono::steady_clock::now()) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options) {
  if (options.min_workers > options.max_workers) {
    return PosixError(EINVAL, "--min-workers is greater than --max-workers");
  }
  std::unique_ptr<Server> server(new Server(options));
  WEFT_RETURN_IF_ERROR(server->OpenParts());
  WEFT_RETURN_IF_ERROR(server->Listen());
  server->StartUpkeep();
  spdlog::info("cluster {}: wire at {}, control plane at {}", server->membership_->cluster_id(),
               server->wire_address(), server->control_address());
  return server;
}

absl::Status Server::OpenParts() {
  RocksKvOptions store;
  store.directory = options_.data;
  store.sync_interval = options_.sync_interval;
  store.block_cache_bytes = options_.cache_bytes;
  WEFT_ASSIGN_OR_RETURN(store_, OpenRocksKvStore(std::move(store)));

  MembershipOptions membership;
  membership.heartbeat = options_.heartbeat;
  membership.auto_add_nodes = options_.auto_add_nodes;
  WEFT_ASSIGN_OR_RETURN(membership_, Membership::Open(membership, store_.get(), &SystemClock()));

  wire::Identity identity;
  identity.uuid = uuid_;
  identity.name = "metadata";
  identity.cluster_id = [membership = membership_.get()] { return membership->cluster_id(); };
  content_calls_ = std::make_unique<ContentCalls>(
      [membership = membership_.get()] { return membership->publisher().Current(); },
      std::move(identity));

  Reclaimer::Options reclaim;
  reclaim.newest_group_set = [membership = membership_.get()](PoolId pool) {
    return membership->NewestGroupSet(pool);
  };
  reclaimer_ = std::make_unique<Reclaimer>(std::move(reclaim), store_.get(), content_calls_.get());
  // A node that is back can be asked again.
  reclaim_wake_ = membership_->publisher().Subscribe(
      [reclaimer = reclaimer_.get()] { reclaimer->WakeReclaim(); });

  Namespace::Options names;
  names.reclaim_grace = options_.session_ttl;
  WEFT_ASSIGN_OR_RETURN(namespace_,
                        Namespace::Open(names, store_.get(), &SystemClock(), reclaimer_.get()));

  SessionTable::Options sessions;
  sessions.ttl = options_.session_ttl;
  sessions.end = [this](SessionId session, bool expired) { return EndSession(session, expired); };
  for (const uint64_t session : membership_->publisher().Current()->message().fenced_sessions()) {
    sessions.fenced.emplace_back(session);
  }
  WEFT_ASSIGN_OR_RETURN(sessions_,
                        SessionTable::Load(std::move(sessions), store_.get(), &SystemClock()));

  SessionLocks::Options locks;
  locks.awaited = sessions_->AllIds();
  locks.on_granted = [this](SessionId session, uint64_t wait_id) {
    lock_notifier_.Add(session, wait_id);
  };
  locks_ = std::make_unique<SessionLocks>(std::move(locks), &SystemClock());
  return absl::OkStatus();
}

absl::Status Server::Listen() {
  ControlServer::Options control;
  control.listen_address = options_.control_listen;
  control.fill_status = [this](proto::GetStatusReply* reply) { FillStatus(reply); };
  control.list_locks = [this](const proto::ListLocksRequest& request) {
    return ListLocks(request, *locks_, *sessions_, *namespace_, SystemClock());
  };
  WEFT_ASSIGN_OR_RETURN(control_, ControlServer::Start(std::move(control), membership_.get()));

  WEFT_ASSIGN_OR_RETURN(ClientRules rules, ClientRules::Make(options_.clients));
  ServerFacts facts;
  facts.cluster_id = membership_->cluster_id();
  facts.server_start = static_cast<uint64_t>(SystemClock().WallNs());
  facts.session_ttl = options_.session_ttl;
  facts.control_address = [control = control_.get()] { return control->address(); };
  handler_ = std::make_unique<MetadataHandler>(std::move(facts), std::move(rules), namespace_.get(),
                                               sessions_.get(), locks_.get(), store_.get(),
                                               membership_.get());

  wire::ServerOptions wire;
  wire.listen_address = options_.listen;
  wire.name = "metadata";
  wire.cluster_id = [membership = membership_.get()] { return membership->cluster_id(); };
  wire.min_workers = options_.min_workers;
  wire.max_workers = options_.max_workers;
  WEFT_ASSIGN_OR_RETURN(wire_, wire::Server::Start(std::move(wire), handler_.get()));
  return absl::OkStatus();
}

absl::Status Server::EndSession(SessionId session, bool expired) {
  // Its writes must be refused before what it held goes to others.
  if (expired) WEFT_RETURN_IF_ERROR(membership_->FenceSessions({session}));
  // The sizes of what it wrote are settled before somebody else gets its locks.
  WEFT_RETURN_IF_ERROR(namespace_->EndSession(session));
  locks_->EndSession(session);
  return absl::OkStatus();
}

void Server::TellGranted(SessionId session, const proto::LockGrantedRequest& request) {
  const std::string peer = sessions_->ClientUuidOf(session);
  if (peer.empty()) return;
  proto::LockGrantedReply reply;
  const absl::Status status =
      wire_->CallPeer(peer, proto::LOCK_GRANTED, request, &reply, kTellTimeout);
  if (!status.ok())
    spdlog::debug("session {} was not told: {}", session.value(), MessageOf(status));
}

void Server::FillStatus(proto::GetStatusReply* reply) const {
  reply->set_version(kVersion);
  reply->set_uptime_ms(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 std::chrono::steady_clock::now() - started_)
                                                 .count()));
  reply->set_inodes(namespace_->InodeCount());
  reply->set_reclaim_pending(reclaimer_->CountPending());
  for (const SessionInfo& info : sessions_->List()) {
    proto::Session* const session = reply->add_sessions();
    session->set_session_id(info.id.value());
    session->set_host(info.client.host());
    session->set_mount_point(info.client.mount_point());
    session->set_version(info.client.version());
    session->set_idle_ms(static_cast<uint64_t>(info.idle.count()));
    session->set_open_files(namespace_->OpenFileCount(info.id));
  }
  reply->set_store_fault(store_->fault());
  MutexLock lock(&mutex_);
  reply->set_wire_address(status_address_);
}

void Server::StartUpkeep() {
  const auto interval = std::min({kUpkeepInterval, options_.session_ttl / 5, options_.heartbeat});
  map_notifier_ = std::make_unique<MapNotifier>(&membership_->publisher(), wire_.get());
  lock_notifier_.Start([this](SessionId session, const proto::LockGrantedRequest& request) {
    TellGranted(session, request);
  });
  watch_ = std::make_unique<Periodic>(interval, [this] { Watch(); });
  session_upkeep_ = std::make_unique<Periodic>(interval, [this] { sessions_->EndRefused(); });
  namespace_upkeep_ = std::make_unique<Periodic>(interval, [this] {
    const absl::Status status = namespace_->Tick();
    if (!status.ok()) spdlog::debug("upkeep of the namespace: {}", MessageOf(status));
  });
  quota_walks_ = std::make_unique<Periodic>(kWalkInterval, [this] {
    const absl::StatusOr<bool> more = namespace_->WalkQuotas(kWalkNames);
    if (!more.ok()) spdlog::debug("walks of quotas: {}", MessageOf(more.status()));
  });
}

void Server::Watch() {
  sessions_->MarkExpired();
  const std::string failure = MessageOf(membership_->Tick());
  if (std::exchange(last_watch_failure_, failure) != failure && !failure.empty()) {
    spdlog::warn("the states of nodes are not kept: {}", failure);
  }
  const std::string fault = store_->fault();
  if (fault.empty() || std::exchange(has_reported_fault_, true)) return;
  spdlog::critical("the namespace takes no changes any more: {}", fault);
  control_->SetServing(false);
}

Server::~Server() { Stop(); }

void Server::Stop() {
  if (std::exchange(is_stopped_, true)) return;
  if (control_ != nullptr) control_->SetServing(false);
  // From here on nothing waits long for storage-servers, so that the rest can be waited for.
  if (reclaim_wake_ != 0) membership_->publisher().Unsubscribe(reclaim_wake_);
  if (reclaimer_ != nullptr) reclaimer_->Stop();
  quota_walks_.reset();
  namespace_upkeep_.reset();
  session_upkeep_.reset();
  watch_.reset();
  map_notifier_.reset();
  lock_notifier_.Stop();
  if (wire_ != nullptr) wire_->Stop();
  if (control_ != nullptr) control_->Stop();
  if (store_ == nullptr) return;
  const absl::Status synced = store_->Sync();
  if (!synced.ok()) spdlog::error("not everything is durable: {}", MessageOf(synced));
}

}  // namespace weft::metadata
