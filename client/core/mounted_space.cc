// MountedVfs: space and quotas.
#include <utility>

#include "client/core/mounted_vfs.h"
#include "common/status.h"

namespace weft::client {

absl::StatusOr<proto::StatFsReply> MountedVfs::StatFs(InodeId inode) {
  return metadata_.StatFs(inode);
}

absl::StatusOr<std::vector<proto::Quota>> MountedVfs::GetQuotas(InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.GetQuota(inode));
  return std::vector<proto::Quota>(reply.quotas().begin(), reply.quotas().end());
}

absl::Status MountedVfs::SetQuota(Caller caller, InodeId directory, const QuotaLimits& limits) {
  proto::SetQuotaRequest request;
  request.set_inode_id(directory.value());
  if (limits.bytes) request.set_limit_bytes(*limits.bytes);
  if (limits.inodes) request.set_limit_inodes(*limits.inodes);
  return metadata_.SetQuota(caller, std::move(request)).status();
}

absl::Status MountedVfs::RemoveQuota(Caller caller, InodeId directory) {
  proto::RemoveQuotaRequest request;
  request.set_inode_id(directory.value());
  return metadata_.RemoveQuota(caller, std::move(request)).status();
}

absl::StatusOr<proto::ListQuotasReply> MountedVfs::ListQuotas(InodeId directory, InodeId after) {
  proto::ListQuotasRequest request;
  request.set_inode_id(directory.value());
  request.set_after_inode_id(after.value());
  return metadata_.ListQuotas(request);
}

}  // namespace weft::client
