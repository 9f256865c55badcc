// Makes this storage-server known to the metadata-server and keeps it so: registration, heartbeats
// and the map watch, for as long as it lives.
//
// The metadata-server may be away, restart or move its gRPC port at any time: whatever goes wrong,
// everything is tried again from the first step, with growing pauses. While no answer comes, the
// ClusterView's lease runs out and the node stops serving; it resumes with the next answer. A
// metadata-server of another cluster, or one that refuses this node, ends the lease at once.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "common/clock.h"
#include "common/mutex.h"
#include "proto/cluster.pb.h"
#include "storage-server/cluster/cluster_view.h"
#include "storage-server/cluster/control_plane.h"
#include "storage-server/cluster/local_targets.h"
#include "storage-server/cluster/map_watch.h"

namespace weft::storage {

struct MembershipOptions {
  std::string metadata_address;    // host:port of its wire
  std::string node_name;           // unique in the cluster
  std::string advertised_address;  // host:port at which others reach this node's wire
  // The very first registration was refused, which trying again will not mend: called once, on the
  // membership's thread, with an error for people.
  std::function<void(const absl::Status&)> on_refused_at_start;
};

class Membership {
 public:
  // Starts at once. `targets`, `view` and `clock` must outlive this.
  Membership(MembershipOptions options, LocalTargets* targets, ClusterView* view,
             const Clock* clock);
  // Stops as Stop does.
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Ends calls and threads; takes at most the timeout of one call. The lease stays. Idempotent.
  void Stop();

 private:
  // What the metadata-server asked for at registration.
  struct Terms {
    std::chrono::milliseconds heartbeat{0};
    std::chrono::milliseconds lease{0};
  };

  void Run();
  // From finding the metadata-server to the first thing that goes wrong, which it returns.
  absl::Status Join();
  absl::StatusOr<Terms> Register(const ControlPlane& plane);
  // Renews the lease. `heartbeats_behind` counts those in a row that showed a newer map than ours.
  absl::Status Heartbeat(const ControlPlane& plane, const Terms& terms, int* heartbeats_behind);
  [[nodiscard]] absl::Status CheckCluster(const std::string& cluster_id) const;
  void HandleFailure(const absl::Status& status);
  void NoteState(proto::NodeState state);
  // False: stopping.
  bool Pause(std::chrono::milliseconds time);

  const MembershipOptions options_;
  LocalTargets* const targets_;
  ClusterView* const view_;
  const Clock* const clock_;
  MapWatch map_watch_;

  // Of the thread alone.
  bool has_registered_ = false;
  bool is_refused_ = false;
  proto::NodeState state_ = proto::NODE_STATE_UNSPECIFIED;
  std::chrono::milliseconds retry_pause_;
  std::string last_failure_;

  Mutex mutex_;
  CondVar stop_changed_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weft::storage
