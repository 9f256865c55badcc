#include <cerrno>
#include <optional>

#include "common/status.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::RemoveQuotaReply> RemoveQuota(Core& core,
                                                    const proto::RemoveQuotaRequest& request,
                                                    Transaction& transaction) {
  if (request.mutation().credentials().uid() != 0) {
    return PosixError(EPERM, "only root may remove quotas");
  }
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_RETURN_IF_ERROR(ReadDirectory(*core.store, id).status());
  QuotaTable::Alone alone(&core.quotas);
  const std::optional<Quota> quota = core.quotas.Get(id);
  if (!quota || quota->record.state() == QuotaRecord::REMOVING) {
    return PosixError(ENODATA, "the directory has no quota of its own");
  }
  QuotaRecord record = quota->record;
  record.set_state(QuotaRecord::REMOVING);
  transaction.PutQuota(id, record);
  WEFT_ASSIGN_OR_RETURN(const proto::RemoveQuotaReply reply,
                        transaction.Commit(proto::RemoveQuotaReply()));
  alone.Put(id, record);
  return reply;
}

}  // namespace weft::metadata::ops
