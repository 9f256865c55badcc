#include "common/status.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/quota_space.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::GetQuotaReply> GetQuota(Core& core, const proto::GetQuotaRequest& request) {
  WEFT_ASSIGN_OR_RETURN(const InodeRecord inode,
                        ReadInode(*core.store, InodeId(request.inode_id())));
  proto::GetQuotaReply reply;
  for (const Quota& quota : core.quotas.ChainOf(InodeId(inode.quota_id()))) {
    *reply.add_quotas() = Describe(core, quota);
  }
  return reply;
}

}  // namespace weft::metadata::ops
