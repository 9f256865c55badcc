// What this storage-server knows of its cluster now: the newest map, and whether it may serve.
//
// It may serve from its registration on, for as long as the metadata-server answers: each answer
// is good for one lease, counted from the moment the question was sent. A node that is cut off thus
// stops before the metadata-server can give its place to another. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>

#include "common/clock.h"
#include "common/cluster_map/cluster_map.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "proto/storage.pb.h"

namespace weft::storage {

// Route.group of a request that concerns a whole target.
inline constexpr uint32_t kWholeTarget = std::numeric_limits<uint32_t>::max();

class ClusterView {
 public:
  // `clock` must outlive this.
  explicit ClusterView(const Clock* clock);

  // The metadata-server has answered a question that was sent at `asked_at`.
  void Renew(Clock::TimePoint asked_at, std::chrono::milliseconds lease);
  // Ends the lease: the metadata-server does not want this node (any more).
  void Revoke();

  // Takes the map if it is newer than the one there is. False: it is not.
  bool Update(std::shared_ptr<const ClusterMap> map);
  // Null before the first one.
  [[nodiscard]] std::shared_ptr<const ClusterMap> map() const;
  // 0 before the first map.
  [[nodiscard]] MapEpoch epoch() const;

  // EAGAIN: this node must not serve now; try again soon.
  [[nodiscard]] absl::Status CheckServing() const;

  // May a request take this route? EAGAIN: the sender's map is newer than ours, try again soon.
  // ESTALE: the sender's map is older than ours, refresh it. EINVAL: no such group. Whether the
  // target is on this daemon is another question (LocalTargets::Find).
  [[nodiscard]] absl::Status CheckRoute(const proto::Route& route) const;

  // ESHUTDOWN: the session is fenced and must not write any more.
  [[nodiscard]] absl::Status CheckSession(SessionId session) const;

 private:
  // A map, indexed for the checks.
  struct Snapshot {
    explicit Snapshot(std::shared_ptr<const ClusterMap> map);
    std::shared_ptr<const ClusterMap> map;
    absl::flat_hash_map<uint32_t, const proto::Pool*> pool_of_target;
    absl::flat_hash_set<uint64_t> fenced_sessions;
  };

  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  [[nodiscard]] static absl::Status CheckGroup(const Snapshot& snapshot, const proto::Route& route);

  const Clock* const clock_;
  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ WEFT_GUARDED_BY(mutex_);
  Clock::TimePoint serve_until_ WEFT_GUARDED_BY(mutex_);
  bool may_serve_ WEFT_GUARDED_BY(mutex_) = false;
};

}  // namespace weft::storage
