#include "storage-server/cluster/membership.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/status.h"
#include "common/version.h"

namespace weft::storage {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCallTimeout{3000};
constexpr milliseconds kFirstRetryPause{100};
constexpr milliseconds kMostRetryPause{2000};
// What a metadata-server may ask for; anything outside is brought to the nearest bound.
constexpr milliseconds kMinHeartbeat{10};
constexpr milliseconds kMaxHeartbeat{60'000};
constexpr milliseconds kMaxLease{600'000};
// Heartbeats that may show a newer map than the watch has brought before the watch is taken for
// dead.
constexpr int kMaxHeartbeatsBehind = 3;

// Refusals are decisions of the metadata-server, which stand until a person changes something; all
// other errors may go away by themselves.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

const char* StateText(proto::NodeState state) {
  switch (state) {
    case proto::NODE_PENDING:
      return "pending: it waits for `weft node add`";
    case proto::NODE_ONLINE:
      return "online";
    case proto::NODE_OFFLINE:
      return "offline";
    default:
      return "unknown";
  }
}

void SetDeadline(grpc::ClientContext* context, milliseconds timeout) {
  context->set_deadline(std::chrono::system_clock::now() + timeout);
}

}  // namespace

Membership::Membership(MembershipOptions options, LocalTargets* targets, ClusterView* view,
                       const Clock* clock)
    : options_(std::move(options)),
      targets_(targets),
      view_(view),
      clock_(clock),
      map_watch_(view),
      retry_pause_(kFirstRetryPause),
      thread_([this] { Run(); }) {}

Membership::~Membership() { Stop(); }

void Membership::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  map_watch_.Stop();
}

bool Membership::Pause(milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  MutexLock lock(&mutex_);
  while (!stopping_ && stop_changed_.WaitUntil(&mutex_, until)) {
  }
  return !stopping_;
}

void Membership::Run() {
  do {
    HandleFailure(Join());
    // Doubled until something succeeds: see Register.
  } while (Pause(std::exchange(retry_pause_, std::min(2 * retry_pause_, kMostRetryPause))));
}

void Membership::HandleFailure(const absl::Status& status) {
  const std::string text = MessageOf(status);
  const bool is_refused = IsRefusal(status);
  // Once for each reason: this is tried for ever.
  if (!status.ok() && text != last_failure_) spdlog::warn("not a member of the cluster: {}", text);
  last_failure_ = text;
  if (!is_refused) return;
  view_->Revoke();
  if (!has_registered_ && !std::exchange(is_refused_, true)) options_.on_refused_at_start(status);
}

absl::Status Membership::CheckCluster(const std::string& cluster_id) const {
  const std::string own = targets_->cluster_id();
  if (own.empty() || own == cluster_id) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the metadata-server ", options_.metadata_address, " is of cluster ", cluster_id,
                   ", but the targets of this storage-server belong to cluster ", own,
                   "; name the right metadata-server, or give empty data directories"));
}

absl::Status Membership::Join() {
  WEFT_ASSIGN_OR_RETURN(
      const ControlPlane plane,
      FindControlPlane(options_.metadata_address, options_.node_name, kCallTimeout));
  WEFT_RETURN_IF_ERROR(CheckCluster(plane.cluster_id));
  WEFT_ASSIGN_OR_RETURN(const Terms terms, Register(plane));
  map_watch_.Use(plane.stub);
  int heartbeats_behind = 0;
  while (Pause(terms.heartbeat)) {
    WEFT_RETURN_IF_ERROR(Heartbeat(plane, terms, &heartbeats_behind));
  }
  return absl::OkStatus();
}

absl::StatusOr<Membership::Terms> Membership::Register(const ControlPlane& plane) {
  proto::RegisterRequest request;
  request.set_node_uuid(targets_->node_uuid());
  request.set_name(options_.node_name);
  request.set_address(options_.advertised_address);
  request.set_version(kVersion);
  request.set_cluster_id(targets_->cluster_id());
  for (proto::Target& target : targets_->Report()) *request.add_targets() = std::move(target);

  const Clock::TimePoint asked_at = clock_->Now();
  grpc::ClientContext context;
  SetDeadline(&context, kCallTimeout);
  proto::RegisterReply reply;
  const absl::Status answered = FromGrpc(plane.stub->Register(&context, request, &reply));
  if (!answered.ok()) return Annotate(answered, "registration at " + plane.address);

  WEFT_RETURN_IF_ERROR(CheckCluster(reply.cluster_id()));
  WEFT_RETURN_IF_ERROR(targets_->AdoptCluster(reply.cluster_id()));
  WEFT_RETURN_IF_ERROR(targets_->AssignIds(reply.targets()));
  Terms terms;
  terms.heartbeat = std::clamp(milliseconds(reply.heartbeat_ms()), kMinHeartbeat, kMaxHeartbeat);
  terms.lease = std::clamp(milliseconds(reply.lease_ms()), terms.heartbeat, kMaxLease);
  view_->Renew(asked_at, terms.lease);
  if (!std::exchange(has_registered_, true) || !last_failure_.empty()) {
    spdlog::info("registered as node {} \"{}\" of cluster {}", reply.node_id(), options_.node_name,
                 reply.cluster_id());
  }
  last_failure_.clear();
  retry_pause_ = kFirstRetryPause;
  NoteState(reply.state());
  return terms;
}

absl::Status Membership::Heartbeat(const ControlPlane& plane, const Terms& terms,
                                   int* heartbeats_behind) {
  proto::HeartbeatRequest request;
  request.set_node_uuid(targets_->node_uuid());
  for (proto::Target& target : targets_->Report()) *request.add_targets() = std::move(target);

  const Clock::TimePoint asked_at = clock_->Now();
  grpc::ClientContext context;
  SetDeadline(&context, std::min(kCallTimeout, terms.lease));
  proto::HeartbeatReply reply;
  const absl::Status answered = FromGrpc(plane.stub->Heartbeat(&context, request, &reply));
  if (!answered.ok()) return Annotate(answered, "heartbeat to " + plane.address);
  if (!reply.known()) {
    return PosixError(EAGAIN, "the metadata-server does not know this node; it registers again");
  }
  view_->Renew(asked_at, terms.lease);
  NoteState(reply.state());

  *heartbeats_behind = reply.map_epoch() > view_->epoch().value() ? *heartbeats_behind + 1 : 0;
  if (*heartbeats_behind >= kMaxHeartbeatsBehind) {
    spdlog::warn("the map watch is behind epoch {}; it is opened again", reply.map_epoch());
    map_watch_.Use(plane.stub);
    *heartbeats_behind = 0;
  }
  return absl::OkStatus();
}

void Membership::NoteState(proto::NodeState state) {
  if (std::exchange(state_, state) != state) spdlog::info("this node is {}", StateText(state));
}

}  // namespace weft::storage
