// MemoryVfs: quotas, as answers only.
#include <cerrno>

#include "client/fuse/testing/memory_vfs.h"
#include "common/status.h"

namespace weft::fuse {

absl::StatusOr<std::vector<proto::Quota>> MemoryVfs::GetQuotas(InodeId inode) {
  MutexLock lock(&mutex_);
  const auto found = quotas_.find(inode);
  if (found == quotas_.end()) return std::vector<proto::Quota>();
  return std::vector<proto::Quota>{found->second};
}

absl::Status MemoryVfs::SetQuota(client::Caller caller, InodeId directory,
                                 const client::QuotaLimits& limits) {
  if (caller.uid != 0) return PosixError(EPERM, "only root may set quotas");
  MutexLock lock(&mutex_);
  proto::Quota& quota = quotas_[directory];
  quota.set_inode_id(directory.value());
  quota.set_path("/" + std::to_string(directory.value()));
  quota.set_state(proto::QUOTA_ACTIVE);
  if (limits.bytes) quota.set_limit_bytes(*limits.bytes);
  if (limits.inodes) quota.set_limit_inodes(*limits.inodes);
  return absl::OkStatus();
}

absl::Status MemoryVfs::RemoveQuota(client::Caller /*caller*/, InodeId directory) {
  MutexLock lock(&mutex_);
  if (quotas_.erase(directory) > 0) return absl::OkStatus();
  return PosixError(ENODATA, "the directory has no quota of its own");
}

// One to a page.
absl::StatusOr<proto::ListQuotasReply> MemoryVfs::ListQuotas(InodeId /*directory*/, InodeId after) {
  MutexLock lock(&mutex_);
  proto::ListQuotasReply reply;
  const auto next = quotas_.upper_bound(after);
  if (next == quotas_.end()) return reply;
  *reply.add_quotas() = next->second;
  reply.set_next_after_inode_id(next->first.value());
  return reply;
}

}  // namespace weft::fuse
