#include "storage-server/cluster/local_targets.h"

#include <absl/strings/str_cat.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "common/status.h"
#include "common/uuid.h"

namespace weft::storage {
namespace {

// Node and cluster that the superblocks agree on, and where each was first seen.
struct Owner {
  std::string node_uuid, node_directory;
  std::string cluster_id, cluster_directory;
};

absl::Status Agree(const std::string& value, const std::string& directory, std::string_view what,
                   std::string* agreed, std::string* agreed_directory) {
  if (value.empty() || value == *agreed) return absl::OkStatus();
  if (!agreed->empty()) {
    return PosixError(
        EINVAL, absl::StrCat("targets belong to different ", std::string(what),
                             "s: ", *agreed_directory, " to ", *agreed, ", ", directory, " to ",
                             value, "; give this daemon only the targets of one"));
  }
  *agreed = value;
  *agreed_directory = directory;
  return absl::OkStatus();
}

absl::StatusOr<Owner> FindOwner(const std::vector<std::string>& directories) {
  Owner owner;
  for (const std::string& directory : directories) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<Superblock> superblock, ReadSuperblock(directory));
    if (!superblock) continue;
    WEFT_RETURN_IF_ERROR(
        Agree(superblock->node_uuid, directory, "node", &owner.node_uuid, &owner.node_directory));
    WEFT_RETURN_IF_ERROR(Agree(superblock->cluster_id, directory, "cluster", &owner.cluster_id,
                               &owner.cluster_directory));
  }
  if (owner.node_uuid.empty()) owner.node_uuid = NewUuid();
  return owner;
}

}  // namespace

LocalTargets::Target::Target(Opened opened)
    : directory(std::move(opened.directory)),
      uuid(opened.target.superblock.target_uuid),
      store(std::move(opened.target.store)),
      cluster_id(opened.target.superblock.cluster_id) {}

absl::StatusOr<std::unique_ptr<LocalTargets>> LocalTargets::Open(
    const std::vector<std::string>& directories, uint64_t capacity_bytes) {
  WEFT_ASSIGN_OR_RETURN(const Owner owner, FindOwner(directories));
  std::vector<Opened> opened;
  for (const std::string& directory : directories) {
    StoreOptions options;
    options.directory = directory;
    options.node_uuid = owner.node_uuid;
    options.capacity_bytes = capacity_bytes;
    absl::StatusOr<OpenedStore> target = OpenTarget(options);
    if (!target.ok()) return Annotate(target.status(), "target " + directory);
    opened.push_back({directory, std::move(*target)});
  }
  return std::make_unique<LocalTargets>(owner.node_uuid, std::move(opened));
}

LocalTargets::LocalTargets(std::string node_uuid, std::vector<Opened> opened)
    : node_uuid_(std::move(node_uuid)), targets_([&opened] {
        std::vector<std::unique_ptr<Target>> targets;
        for (Opened& one : opened) targets.push_back(std::make_unique<Target>(std::move(one)));
        return targets;
      }()) {
  for (const auto& target : targets_) {
    if (!target->cluster_id.empty()) cluster_id_ = target->cluster_id;
  }
}

std::string LocalTargets::cluster_id() const {
  MutexLock lock(&cluster_mutex_);
  return cluster_id_;
}

absl::Status LocalTargets::AdoptCluster(const std::string& cluster_id) {
  MutexLock lock(&cluster_mutex_);
  for (const auto& target : targets_) {
    if (target->cluster_id == cluster_id) continue;
    const absl::Status status = storage::AdoptCluster(target->directory, cluster_id);
    if (!status.ok()) return Annotate(status, "target " + target->directory);
    target->cluster_id = cluster_id;
  }
  cluster_id_ = cluster_id;
  return absl::OkStatus();
}

absl::Status LocalTargets::AssignIds(
    const google::protobuf::RepeatedPtrField<proto::Target>& targets) {
  for (const auto& target : targets_) {
    uint32_t id = 0;
    for (const proto::Target& known : targets) {
      if (known.uuid() == target->uuid) id = known.target_id();
    }
    if (id == 0) {
      return PosixError(EPROTO, absl::StrCat("the metadata-server gave no id to target ",
                                             target->directory, " (uuid ", target->uuid, ")"));
    }
    target->id = id;
  }
  return absl::OkStatus();
}

ChunkStore* LocalTargets::Find(TargetId id) const {
  if (id.is_none()) return nullptr;
  for (const auto& target : targets_) {
    if (target->id == id.value()) return target->store.get();
  }
  return nullptr;
}

std::vector<proto::Target> LocalTargets::Report() const {
  std::vector<proto::Target> report;
  for (const auto& target : targets_) {
    const Space space = target->store->space();
    proto::Target& entry = report.emplace_back();
    entry.set_target_id(target->id);
    entry.set_uuid(target->uuid);
    entry.set_path(target->directory);
    entry.set_capacity_bytes(space.capacity_bytes);
    entry.set_free_bytes(space.free_bytes);
    entry.set_fault(target->store->fault());
  }
  return report;
}

absl::Status LocalTargets::Sync() {
  absl::Status first;
  for (const auto& target : targets_) {
    if (!target->store->fault().empty()) continue;
    const absl::Status status = Annotate(target->store->Sync(), "target " + target->directory);
    if (first.ok()) first = status;
  }
  return first;
}

}  // namespace weft::storage
