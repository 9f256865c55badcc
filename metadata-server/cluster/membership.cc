#include "metadata-server/cluster/membership.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "common/uuid.h"
#include "metadata-server/cluster/group_sets.h"

namespace weft::metadata {
namespace {

constexpr std::string_view kClusterIdKey = "cluster_id";  // in Family::kMeta

absl::StatusOr<std::string> LoadOrMakeClusterId(KvStore* store) {
  absl::StatusOr<std::string> id = store->Get(Family::kMeta, kClusterIdKey);
  if (id.ok() || ErrnoOf(id.status()) != ENOENT) return id;
  Batch batch;
  std::string made = NewUuid();
  batch.Put(Family::kMeta, kClusterIdKey, made);
  WEFT_RETURN_IF_ERROR(store->Commit(batch));
  WEFT_RETURN_IF_ERROR(store->Sync());  // before anybody else writes it down
  return made;
}

// Text that others print: no control characters, not too long.
bool IsPlainText(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; });
}

absl::Status CheckForm(const proto::RegisterRequest& request) {
  if (!IsUuid(request.node_uuid())) return absl::InvalidArgumentError("node_uuid is not a UUID");
  if (!IsPlainText(request.name())) {
    return absl::InvalidArgumentError("the node's name is empty, too long or not plain text");
  }
  if (!IsPlainText(request.address()) || request.address().find(':') == std::string::npos) {
    return absl::InvalidArgumentError("the node's address is not host:port");
  }
  std::set<std::string> uuids;
  for (const proto::Target& target : request.targets()) {
    if (!IsUuid(target.uuid())) return absl::InvalidArgumentError("a target's uuid is not a UUID");
    if (!uuids.insert(target.uuid()).second) {
      return absl::InvalidArgumentError("target " + target.uuid() + " is named twice");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Membership>> Membership::Open(MembershipOptions options,
                                                             KvStore* store, const Clock* clock) {
  WEFT_ASSIGN_OR_RETURN(std::string cluster_id, LoadOrMakeClusterId(store));
  WEFT_ASSIGN_OR_RETURN(ClusterState state, LoadClusterState(*store));
  WEFT_ASSIGN_OR_RETURN(std::shared_ptr<const ClusterMap> map,
                        ClusterMap::Make(MapMessage(state, cluster_id)));
  std::unique_ptr<Membership> membership(
      new Membership(options, store, clock, std::move(cluster_id), std::move(state)));
  membership->publisher_ = std::make_unique<MapPublisher>(std::move(map));
  return membership;
}

Membership::Membership(MembershipOptions options, KvStore* store, const Clock* clock,
                       std::string cluster_id, ClusterState state)
    : options_(options),
      store_(store),
      clock_(clock),
      cluster_id_(std::move(cluster_id)),
      state_(std::move(state)),
      last_tick_(clock->Now()) {
  for (const auto& [id, node] : state_.nodes) last_heard_[id] = last_tick_;
  for (const auto& [id, target] : state_.targets) {
    live_[id] = {target.capacity_bytes(), target.free_bytes(), ""};
  }
  MutexLock lock(&mutex_);
  NoteNewestSets();
}

absl::StatusOr<proto::RegisterReply> Membership::Register(const proto::RegisterRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckForm(request));
  MutexLock lock(&mutex_);
  WEFT_RETURN_IF_ERROR(CheckRegistration(request));
  ClusterState next = state_;
  proto::Node& node = PutNode(request, &next);
  PutTargets(request, node.node_id(), &next);
  last_heard_[node.node_id()] = clock_->Now();
  for (const proto::Target& target : request.targets()) {
    live_[next.FindTargetByUuid(target.uuid())->target_id()] = {
        target.capacity_bytes(), target.free_bytes(), target.fault()};
  }
  if (node.state() == proto::NODE_OFFLINE) node.set_state(proto::NODE_ONLINE);
  if (node.state() == proto::NODE_PENDING && options_.auto_add_nodes) {
    node.set_state(proto::NODE_ONLINE);
  }
  if (node.state() == proto::NODE_ONLINE) {
    const absl::Status used = UseTargets(node.node_id(), &next);
    if (!used.ok()) spdlog::error("node {}: {}", node.name(), MessageOf(used));
  }
  const proto::Node registered = node;
  WEFT_RETURN_IF_ERROR(Change(std::move(next)));

  proto::RegisterReply reply;
  reply.set_cluster_id(cluster_id_);
  reply.set_node_id(registered.node_id());
  reply.set_state(registered.state());
  for (const proto::Target& target : request.targets()) {
    *reply.add_targets() = *state_.FindTargetByUuid(target.uuid());
  }
  reply.set_heartbeat_ms(static_cast<uint32_t>(options_.heartbeat.count()));
  reply.set_lease_ms(static_cast<uint32_t>(kLeaseHeartbeats * options_.heartbeat.count()));
  return reply;
}

absl::Status Membership::CheckRegistration(const proto::RegisterRequest& request) const {
  if (!request.cluster_id().empty() && request.cluster_id() != cluster_id_) {
    return absl::FailedPreconditionError("the storage-server belongs to cluster " +
                                         request.cluster_id() + ", this is cluster " + cluster_id_);
  }
  const proto::Node* node = state_.FindNodeByUuid(request.node_uuid());
  const proto::Node* namesake = state_.FindNodeByName(request.name());
  if (namesake != nullptr && namesake != node) {
    return absl::AlreadyExistsError("another storage-server has the name \"" + request.name() +
                                    "\" (at " + namesake->address() + "); choose another one");
  }
  if (node == nullptr && state_.nodes.size() >= kMaxNodes) {
    return absl::ResourceExhaustedError("the cluster has " + std::to_string(kMaxNodes) + " nodes");
  }
  size_t targets = state_.targets.size();
  for (const proto::Target& reported : request.targets()) {
    const proto::Target* target = state_.FindTargetByUuid(reported.uuid());
    if (target == nullptr) {
      ++targets;
    } else if ((node == nullptr || target->node_id() != node->node_id()) &&
               IsAlive(target->node_id())) {
      return absl::AlreadyExistsError(
          "target " + reported.uuid() + " (" + reported.path() + ") is served by node \"" +
          state_.nodes.at(target->node_id()).name() + "\"; is its directory a copy?");
    }
  }
  if (targets > kMaxTargets) {
    return absl::ResourceExhaustedError("the cluster would have more than " +
                                        std::to_string(kMaxTargets) + " targets");
  }
  return absl::OkStatus();
}

proto::Node& Membership::PutNode(const proto::RegisterRequest& request, ClusterState* next) const {
  const proto::Node* known = next->FindNodeByUuid(request.node_uuid());
  uint32_t id = 0;
  if (known != nullptr) {
    id = known->node_id();
  } else {
    id = next->record.next_node_id();
    next->record.set_next_node_id(id + 1);
    next->nodes[id].set_state(proto::NODE_PENDING);
    spdlog::info("node {} \"{}\" at {} has registered", id, request.name(), request.address());
  }
  proto::Node& node = next->nodes[id];
  node.set_node_id(id);
  node.set_uuid(request.node_uuid());
  node.set_name(request.name());
  node.set_address(request.address());
  node.set_version(request.version());
  node.set_control_address(request.control_address());
  return node;
}

void Membership::PutTargets(const proto::RegisterRequest& request, uint32_t node,
                            ClusterState* next) const {
  for (const proto::Target& reported : request.targets()) {
    const proto::Target* known = next->FindTargetByUuid(reported.uuid());
    uint32_t id = 0;
    if (known != nullptr) {
      id = known->target_id();
    } else {
      id = next->record.next_target_id();
      next->record.set_next_target_id(id + 1);
    }
    proto::Target& target = next->targets[id];
    target.set_target_id(id);
    target.set_node_id(node);
    target.set_uuid(reported.uuid());
    target.set_path(reported.path());
    target.set_capacity_bytes(reported.capacity_bytes());
  }
}

void Membership::NoteTargets(const google::protobuf::RepeatedPtrField<proto::Target>& reported) {
  for (const proto::Target& target : reported) {
    const proto::Target* known = state_.FindTargetByUuid(target.uuid());
    if (known == nullptr) continue;
    Live& live = live_[known->target_id()];
    if (live.fault != target.fault()) {
      spdlog::warn("target {} ({}): {}", known->target_id(), known->path(),
                   target.fault().empty() ? "takes writes again" : target.fault());
    }
    live = {target.capacity_bytes(), target.free_bytes(), target.fault()};
  }
}

absl::StatusOr<proto::HeartbeatReply> Membership::Heartbeat(
    const proto::HeartbeatRequest& request) {
  MutexLock lock(&mutex_);
  proto::HeartbeatReply reply;
  const proto::Node* node = state_.FindNodeByUuid(request.node_uuid());
  if (node == nullptr) return reply;
  const uint32_t id = node->node_id();
  last_heard_[id] = clock_->Now();
  NoteTargets(request.targets());
  if (node->state() == proto::NODE_OFFLINE) {
    ClusterState next = state_;
    next.nodes[id].set_state(proto::NODE_ONLINE);
    spdlog::info("node {} \"{}\" is online again", id, next.nodes[id].name());
    WEFT_RETURN_IF_ERROR(Change(std::move(next)));
  }
  reply.set_known(true);
  reply.set_state(state_.nodes.at(id).state());
  reply.set_map_epoch(state_.record.epoch());
  return reply;
}

bool Membership::IsAlive(uint32_t node) const {
  const auto heard = last_heard_.find(node);
  return heard != last_heard_.end() &&
         clock_->Now() - heard->second < kOfflineHeartbeats * options_.heartbeat;
}

absl::StatusOr<proto::Node> Membership::AddNode(std::string_view name) {
  MutexLock lock(&mutex_);
  const proto::Node* node = state_.FindNodeByName(name);
  if (node == nullptr) {
    return absl::NotFoundError("no storage-server named \"" + std::string(name) +
                               "\" has registered");
  }
  const uint32_t id = node->node_id();
  ClusterState next = state_;
  if (node->state() == proto::NODE_PENDING) next.nodes[id].set_state(proto::NODE_ONLINE);
  WEFT_RETURN_IF_ERROR(UseTargets(id, &next));
  WEFT_RETURN_IF_ERROR(Change(std::move(next)));
  return state_.nodes.at(id);
}

absl::Status Membership::UseTargets(uint32_t node, ClusterState* next) const {
  std::vector<PlacementTarget> candidates;
  std::vector<TargetId> of_node;
  for (const auto& [id, target] : next->targets) {
    const auto live = live_.find(id);
    if (live == live_.end() || !live->second.fault.empty()) continue;
    if (next->nodes.at(target.node_id()).state() != proto::NODE_ONLINE) continue;
    // By what is free, because what lies on the old targets stays there.
    candidates.push_back(
        {TargetId(id), NodeId(target.node_id()), std::max<uint64_t>(live->second.free_bytes, 1)});
    if (target.node_id() == node) of_node.emplace_back(id);
  }
  for (auto& [id, pool] : next->pools) {
    if (NewestSetUses(*pool, of_node)) continue;
    WEFT_ASSIGN_OR_RETURN(
        pool, WithNewChains(*pool, next->UsedGroups(id), candidates, state_.record.epoch() + 1));
    spdlog::info("new files of pool \"{}\" go to groups from {} on, targets: {}", pool->name(),
                 NewestSet(*pool).base, candidates.size());
  }
  return absl::OkStatus();
}

absl::Status Membership::Change(ClusterState next) {
  if (ChangedRows(state_, next).empty()) return absl::OkStatus();
  next.record.set_epoch(state_.record.epoch() + 1);
  WEFT_ASSIGN_OR_RETURN(std::shared_ptr<const ClusterMap> map,
                        ClusterMap::Make(MapMessage(next, cluster_id_)));
  WEFT_RETURN_IF_ERROR(store_->Commit(ChangedRows(state_, next)));
  WEFT_RETURN_IF_ERROR(store_->Sync());
  state_ = std::move(next);
  NoteNewestSets();
  publisher_->Publish(std::move(map));
  return absl::OkStatus();
}

void Membership::NoteNewestSets() {
  for (const auto& [id, pool] : state_.pools) newest_sets_[id] = NewestSet(*pool);
}

proto::ClusterMap Membership::Describe() const {
  MutexLock lock(&mutex_);
  proto::ClusterMap map = MapMessage(state_, cluster_id_);
  for (proto::Target& target : *map.mutable_targets()) {
    const auto live = live_.find(target.target_id());
    if (live == live_.end()) continue;
    target.set_capacity_bytes(live->second.capacity_bytes);
    target.set_free_bytes(live->second.free_bytes);
    target.set_fault(live->second.fault);
  }
  return map;
}

absl::Status Membership::Tick() {
  MutexLock lock(&mutex_);
  const Clock::TimePoint now = clock_->Now();
  const auto silence = kOfflineHeartbeats * options_.heartbeat;
  if (now - std::exchange(last_tick_, now) > silence / 2) {
    spdlog::warn("this process was stalled: every storage-server gets its full time again");
    for (auto& [node, heard] : last_heard_) heard = now;
    return absl::OkStatus();
  }
  std::vector<uint32_t> silent;
  for (const auto& [id, node] : state_.nodes) {
    if (node.state() == proto::NODE_ONLINE && !IsAlive(id)) silent.push_back(id);
  }
  if (silent.empty()) return absl::OkStatus();
  ClusterState next = state_;
  for (const uint32_t id : silent) {
    proto::Node& node = next.nodes[id];
    node.set_state(proto::NODE_OFFLINE);
    spdlog::warn("node {} \"{}\" is offline: no heartbeat for {} ms", id, node.name(),
                 std::chrono::duration_cast<std::chrono::milliseconds>(silence).count());
  }
  return Change(std::move(next));
}

absl::Status Membership::FenceSessions(const std::vector<SessionId>& sessions) {
  MutexLock lock(&mutex_);
  ClusterState next = state_;
  auto* fenced = next.record.mutable_fenced_sessions();
  for (const SessionId session : sessions) {
    if (std::find(fenced->begin(), fenced->end(), session.value()) == fenced->end()) {
      fenced->Add(session.value());
    }
  }
  if (fenced->size() > kMaxFencedSessions) {
    fenced->erase(fenced->begin(), fenced->end() - kMaxFencedSessions);
  }
  return Change(std::move(next));
}

GroupSet Membership::NewestGroupSet(PoolId pool) {
  MutexLock lock(&mutex_);
  const auto found = newest_sets_.find(pool.value());
  if (found == newest_sets_.end()) return {};
  const GroupSet set = found->second;
  if (state_.UsedGroups(pool.value()) > set.base) return set;
  // Committed before the content that uses the set: a set is never taken for unused when it is not.
  // If this fails the store takes no further commit, hence no content either.
  ClusterState next = state_;
  next.SetUsedGroups(pool.value(), set.base + set.count);
  const absl::Status saved = store_->Commit(ChangedRows(state_, next));
  if (saved.ok()) {
    state_ = std::move(next);
  } else {
    spdlog::error("the first use of a group set: {}", MessageOf(saved));
  }
  return set;
}

Membership::Space Membership::TotalSpace() const {
  MutexLock lock(&mutex_);
  Space total;
  for (const auto& [id, target] : state_.targets) {
    if (state_.nodes.at(target.node_id()).state() == proto::NODE_PENDING) continue;
    const auto live = live_.find(id);
    if (live == live_.end()) continue;
    total.capacity_bytes += live->second.capacity_bytes;
    total.free_bytes += live->second.free_bytes;
  }
  return total;
}

}  // namespace weft::metadata
