// Which storage-servers and targets belong to the cluster, whether they are there, and which groups
// their targets hold: the one place that changes the cluster map.
//
// A change is committed and synced before it is published, so that an epoch always means the same
// map, even after power loss. What only heartbeats say (free space, faults) is not kept and does
// not raise the epoch. It knows nothing of gRPC or of the namespace. Errors have the absl codes
// that gRPC sends on: kInvalidArgument, kFailedPrecondition (another cluster), kAlreadyExists (a
// name or disk is somebody else's), kNotFound, kResourceExhausted. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/cluster_map/cluster_map.h"
#include "common/cluster_map/group_set.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/cluster/cluster_state.h"
#include "metadata-server/cluster/map_publisher.h"
#include "metadata-server/store/kv_store.h"
#include "proto/cluster.pb.h"

namespace weft::metadata {

inline constexpr uint32_t kMaxNodes = 4096;
inline constexpr uint32_t kMaxTargets = kDefaultGroups;  // so that each can have a group
inline constexpr int kMaxFencedSessions = 4096;

struct MembershipOptions {
  std::chrono::milliseconds heartbeat{1000};  // how often storage-servers are to call
  bool auto_add_nodes = false;                // a node that registers is added at once
};

class Membership {
 public:
  // A storage-server that gets no answer for so many heartbeats stops serving, ...
  static constexpr int kLeaseHeartbeats = 8;
  // ... and one that is silent for so many, which is later by its own clock, too, is offline.
  static constexpr int kOfflineHeartbeats = 10;

  // Loads or creates the cluster in `store`. Pointers must outlive it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Membership>> Open(MembershipOptions options,
                                                                        KvStore* store,
                                                                        const Clock* clock);

  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }
  [[nodiscard]] MapPublisher& publisher() { return *publisher_; }

  // ---- For storage-servers ----
  [[nodiscard]] absl::StatusOr<proto::RegisterReply> Register(const proto::RegisterRequest& request)
      WEFT_EXCLUDES(mutex_);
  [[nodiscard]] absl::StatusOr<proto::HeartbeatReply> Heartbeat(
      const proto::HeartbeatRequest& request) WEFT_EXCLUDES(mutex_);

  // ---- For administrators ----
  // See AdminService.AddNode.
  [[nodiscard]] absl::StatusOr<proto::Node> AddNode(std::string_view name) WEFT_EXCLUDES(mutex_);
  // The newest map, with free space and faults as last heard.
  [[nodiscard]] proto::ClusterMap Describe() const WEFT_EXCLUDES(mutex_);

  // ---- For the rest of the metadata-server ----
  // Call it more often than heartbeats come: moves silent nodes to offline. Where it was itself not
  // called for long, this process was stalled, and every node gets its full time again.
  absl::Status Tick() WEFT_EXCLUDES(mutex_);
  // Storage-servers refuse writes of these sessions from the new epoch on. The newest
  // kMaxFencedSessions are kept.
  absl::Status FenceSessions(const std::vector<SessionId>& sessions) WEFT_EXCLUDES(mutex_);
  // Where new contents of the pool go; from now on, those groups stay where they are. The default
  // set where there is no such pool.
  [[nodiscard]] GroupSet NewestGroupSet(PoolId pool) WEFT_EXCLUDES(mutex_);

  struct Space {
    uint64_t capacity_bytes = 0;
    uint64_t free_bytes = 0;
  };
  // Of all targets that were added.
  [[nodiscard]] Space TotalSpace() const WEFT_EXCLUDES(mutex_);

 private:
  // What heartbeats say of a target.
  struct Live {
    uint64_t capacity_bytes = 0;
    uint64_t free_bytes = 0;
    std::string fault;
  };

  Membership(MembershipOptions options, KvStore* store, const Clock* clock, std::string cluster_id,
             ClusterState state);

  [[nodiscard]] absl::Status CheckRegistration(const proto::RegisterRequest& request) const
      WEFT_REQUIRES(mutex_);
  // Finds or makes the node of the request in `next`.
  [[nodiscard]] proto::Node& PutNode(const proto::RegisterRequest& request,
                                     ClusterState* next) const;
  void PutTargets(const proto::RegisterRequest& request, uint32_t node, ClusterState* next) const;
  void NoteTargets(const google::protobuf::RepeatedPtrField<proto::Target>& reported)
      WEFT_REQUIRES(mutex_);
  [[nodiscard]] bool IsAlive(uint32_t node) const WEFT_REQUIRES(mutex_);

  void NoteNewestSets() WEFT_REQUIRES(mutex_);
  // Makes new contents use the node's targets, if they do not.
  [[nodiscard]] absl::Status UseTargets(uint32_t node, ClusterState* next) const
      WEFT_REQUIRES(mutex_);
  // Saves and publishes `next` with a new epoch, if it differs from the present state.
  [[nodiscard]] absl::Status Change(ClusterState next) WEFT_REQUIRES(mutex_);

  const MembershipOptions options_;
  KvStore* const store_;
  const Clock* const clock_;
  const std::string cluster_id_;
  std::unique_ptr<MapPublisher> publisher_;  // has a lock of its own, taken after mutex_

  mutable Mutex mutex_;
  ClusterState state_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint32_t, GroupSet> newest_sets_ WEFT_GUARDED_BY(mutex_);         // by pool
  absl::flat_hash_map<uint32_t, Live> live_ WEFT_GUARDED_BY(mutex_);                    // by target
  absl::flat_hash_map<uint32_t, Clock::TimePoint> last_heard_ WEFT_GUARDED_BY(mutex_);  // by node
  Clock::TimePoint last_tick_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
