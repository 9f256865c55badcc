// The targets of this daemon: their chunk stores, and how the cluster knows them.
//
// All targets of a daemon belong to one node and one cluster, which their superblocks say. The
// numbers by which requests name targets are given by the metadata-server and kept in memory only.
// Thread-safe; stores live as long as this.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"
#include "proto/cluster.pb.h"
#include "storage-server/chunks/chunk_store.h"

namespace weft::storage {

class LocalTargets {
 public:
  // Opens every directory as a target; capacity_bytes 0 means what its disk has. One that cannot be
  // opened, or that belongs to another node or cluster than the rest, fails all; the error names
  // it. Without any superblock yet a new node is made.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<LocalTargets>> Open(
      const std::vector<std::string>& directories, uint64_t capacity_bytes);

  struct Opened {
    std::string directory;
    OpenedStore target;
  };
  LocalTargets(std::string node_uuid, std::vector<Opened> opened);
  LocalTargets(const LocalTargets&) = delete;
  LocalTargets& operator=(const LocalTargets&) = delete;

  [[nodiscard]] const std::string& node_uuid() const { return node_uuid_; }
  // Empty before the first registration.
  [[nodiscard]] std::string cluster_id() const;

  // Puts the cluster id into every superblock that has none, durably. EEXIST: one has another.
  [[nodiscard]] absl::Status AdoptCluster(const std::string& cluster_id);

  // Takes over target ids, matched by uuid. EPROTO: one of our targets has got none.
  [[nodiscard]] absl::Status AssignIds(
      const google::protobuf::RepeatedPtrField<proto::Target>& targets);

  // Null where the target is not on this daemon.
  [[nodiscard]] ChunkStore* Find(TargetId target) const;

  // Uuid, path, capacity, free space and fault of each.
  [[nodiscard]] std::vector<proto::Target> Report() const;

  // Syncs every store that takes writes. Returns the first error, after trying all.
  absl::Status Sync();

 private:
  struct Target {
    explicit Target(Opened opened);
    const std::string directory;
    const std::string uuid;
    const std::unique_ptr<ChunkStore> store;
    std::atomic<uint32_t> id{0};
    std::string cluster_id;  // guarded by cluster_mutex_ of the owner
  };

  const std::string node_uuid_;
  const std::vector<std::unique_ptr<Target>> targets_;
  mutable Mutex cluster_mutex_;
  std::string cluster_id_ WEFT_GUARDED_BY(cluster_mutex_);
};

}  // namespace weft::storage
