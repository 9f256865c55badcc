#include "storage-server/cluster/cluster_view.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "common/status.h"

namespace weft::storage {

ClusterView::Snapshot::Snapshot(std::shared_ptr<const ClusterMap> new_map)
    : map(std::move(new_map)) {
  for (const proto::Target& target : map->message().targets()) {
    if (const proto::Pool* pool = map->FindPool(PoolId(target.pool()))) {
      pool_of_target.emplace(target.target_id(), pool);
    }
  }
  for (const uint64_t session : map->message().fenced_sessions()) fenced_sessions.insert(session);
}

ClusterView::ClusterView(const Clock* clock) : clock_(clock) {}

void ClusterView::Renew(Clock::TimePoint asked_at, std::chrono::milliseconds lease) {
  MutexLock lock(&mutex_);
  serve_until_ = asked_at + lease;
  may_serve_ = true;
}

void ClusterView::Revoke() {
  MutexLock lock(&mutex_);
  may_serve_ = false;
}

bool ClusterView::Update(std::shared_ptr<const ClusterMap> map) {
  auto snapshot = std::make_shared<const Snapshot>(std::move(map));
  MutexLock lock(&mutex_);
  if (snapshot_ != nullptr && snapshot->map->epoch() <= snapshot_->map->epoch()) return false;
  snapshot_ = std::move(snapshot);
  return true;
}

std::shared_ptr<const ClusterMap> ClusterView::map() const {
  const std::shared_ptr<const Snapshot> now = snapshot();
  return now == nullptr ? nullptr : now->map;
}

MapEpoch ClusterView::epoch() const {
  const std::shared_ptr<const Snapshot> now = snapshot();
  return now == nullptr ? MapEpoch() : now->map->epoch();
}

std::shared_ptr<const ClusterView::Snapshot> ClusterView::snapshot() const {
  MutexLock lock(&mutex_);
  return snapshot_;
}

absl::Status ClusterView::CheckServing() const {
  MutexLock lock(&mutex_);
  if (may_serve_ && clock_->Now() < serve_until_) return absl::OkStatus();
  return PosixError(EAGAIN,
                    "this storage-server does not serve now: the metadata-server has not answered "
                    "it for too long, or not taken it in yet");
}

absl::Status ClusterView::CheckRoute(const proto::Route& route) const {
  if (route.group() == kWholeTarget) return absl::OkStatus();
  const std::shared_ptr<const Snapshot> now = snapshot();
  if (now == nullptr) return PosixError(EAGAIN, "this storage-server has no cluster map yet");
  return CheckGroup(*now, route);
}

absl::Status ClusterView::CheckGroup(const Snapshot& snapshot, const proto::Route& route) {
  const uint64_t known_epoch = snapshot.map->epoch().value();
  if (route.map_epoch() > known_epoch) {
    return PosixError(EAGAIN, absl::StrCat("map_epoch ", route.map_epoch(),
                                           " is newer than this storage-server's map, which is of ",
                                           "epoch ", known_epoch));
  }
  const auto stale = [&](std::string_view why) {
    return PosixError(ESTALE, absl::StrCat("map_epoch ", route.map_epoch(), " of group ",
                                           route.group(), " is stale: in the map of epoch ",
                                           known_epoch, " ", std::string(why)));
  };
  const auto pool = snapshot.pool_of_target.find(route.target_id());
  if (pool == snapshot.pool_of_target.end()) return stale("its target is in no pool");
  const auto& groups = pool->second->groups();
  if (route.group() >= static_cast<uint32_t>(groups.size())) {
    return PosixError(EINVAL, absl::StrCat("group ", route.group(), " is not below ", groups.size(),
                                           ", the groups of the target's pool"));
  }
  const proto::Group& group = groups[static_cast<int>(route.group())];
  if (group.epoch() != route.map_epoch()) {
    return stale(absl::StrCat("its chain is of epoch ", group.epoch()));
  }
  for (const proto::ChainMember& member : group.members()) {
    if (member.target_id() == route.target_id()) return absl::OkStatus();
  }
  return stale("its chain does not have the target");
}

absl::Status ClusterView::CheckSession(SessionId session) const {
  const std::shared_ptr<const Snapshot> now = snapshot();
  if (now != nullptr && now->fenced_sessions.contains(session.value())) {
    return PosixError(ESHUTDOWN, absl::StrCat("session ", session.value(), " is fenced"));
  }
  return absl::OkStatus();
}

}  // namespace weft::storage
