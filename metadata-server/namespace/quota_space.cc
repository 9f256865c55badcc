#include "metadata-server/namespace/quota_space.h"

#include <algorithm>
#include <optional>

#include "metadata-server/namespace/paths.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

// A path that no system call takes is not told.
constexpr size_t kMaxPathBytes = 4096;

uint64_t Unsigned(int64_t used) { return static_cast<uint64_t>(std::max<int64_t>(used, 0)); }

// From the nearest quota up.
void Add(int64_t used_now, uint64_t limit, std::optional<QuotaSpace::Figures>* figures) {
  if (limit == 0) return;
  const uint64_t used = Unsigned(used_now);
  const uint64_t left = limit > used ? limit - used : 0;
  if (!figures->has_value()) *figures = {.used = used, .left = left};
  (*figures)->left = std::min((*figures)->left, left);
}

proto::QuotaState StateOf(const QuotaRecord& record) {
  switch (record.state()) {
    case QuotaRecord::COUNTING:
      return proto::QUOTA_COUNTING;
    case QuotaRecord::ACTIVE:
      return proto::QUOTA_ACTIVE;
    case QuotaRecord::REMOVING:
      return proto::QUOTA_REMOVING;
    default:
      return proto::QUOTA_STATE_UNSPECIFIED;
  }
}

}  // namespace

QuotaSpace SpaceOf(const Core& core, InodeId inode) {
  QuotaSpace space;
  if (core.quotas.empty()) return space;
  const absl::StatusOr<InodeRecord> record = ReadInode(*core.store, inode);
  if (!record.ok()) return space;
  for (const Quota& quota : core.quotas.ChainOf(InodeId(record->quota_id()))) {
    if (quota.record.state() == QuotaRecord::REMOVING) continue;
    Add(quota.use.bytes, quota.record.limit_bytes(), &space.bytes);
    Add(quota.use.inodes, quota.record.limit_inodes(), &space.inodes);
  }
  return space;
}

proto::Quota Describe(const Core& core, const Quota& quota) {
  proto::Quota described;
  described.set_inode_id(quota.id.value());
  absl::StatusOr<std::string> path = PathOf(*core.store, quota.id);
  if (path.ok() && path->size() <= kMaxPathBytes) described.set_path(*std::move(path));
  described.set_state(StateOf(quota.record));
  described.set_limit_bytes(quota.record.limit_bytes());
  described.set_used_bytes(Unsigned(quota.use.bytes));
  described.set_limit_inodes(quota.record.limit_inodes());
  described.set_used_inodes(Unsigned(quota.use.inodes));
  return described;
}

}  // namespace weft::metadata
