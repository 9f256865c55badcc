#include <algorithm>
#include <cerrno>
#include <optional>

#include "common/status.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/quota_space.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

constexpr uint64_t kMaxLimit = uint64_t{1} << 62;

absl::Status CheckRequest(const proto::SetQuotaRequest& request) {
  if (request.mutation().credentials().uid() != 0) {
    return PosixError(EPERM, "only root may set quotas");
  }
  if (std::max(request.limit_bytes(), request.limit_inodes()) > kMaxLimit) {
    return PosixError(EINVAL, "a limit is 2^62 at most; 0 is none");
  }
  return absl::OkStatus();
}

// The record with what the request changes.
absl::StatusOr<QuotaRecord> Changed(const Core& core, const proto::SetQuotaRequest& request,
                                    const InodeRecord& directory,
                                    const std::optional<Quota>& before) {
  QuotaRecord record;
  if (before) {
    record = before->record;
    // Inodes that still have its id may have been moved to where a new walk would not find them.
    if (record.state() == QuotaRecord::REMOVING) {
      return PosixError(EBUSY, "the directory's former quota is still being removed; try later");
    }
  } else {
    if (core.quotas.size() >= kMaxQuotas) {
      return PosixError(ENOSPC, "there are " + std::to_string(kMaxQuotas) + " quotas already");
    }
    record.set_parent_id(directory.quota_id());
    record.set_state(QuotaRecord::COUNTING);
  }
  if (request.has_limit_bytes()) record.set_limit_bytes(request.limit_bytes());
  if (request.has_limit_inodes()) record.set_limit_inodes(request.limit_inodes());
  return record;
}

}  // namespace

absl::StatusOr<proto::SetQuotaReply> SetQuota(Core& core, const proto::SetQuotaRequest& request,
                                              Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckRequest(request));
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord directory, ReadLiveDirectory(*core.store, id));
  proto::SetQuotaReply reply;
  {
    QuotaTable::Alone alone(&core.quotas);
    const std::optional<Quota> before = core.quotas.Get(id);
    WEFT_ASSIGN_OR_RETURN(const QuotaRecord record, Changed(core, request, directory, before));
    *reply.mutable_quota() =
        Describe(core, {.id = id, .record = record, .use = before ? before->use : QuotaUse()});
    transaction.PutQuota(id, record);
    WEFT_ASSIGN_OR_RETURN(reply, transaction.Commit(std::move(reply)));
    alone.Put(id, record);
  }
  if (InodeId(directory.quota_id()) == id) return reply;
  // What is made in the directory from now on counts. The walk would do it, too, a little later.
  Change change(core);
  change.IgnoreQuotaLimits();
  change.MoveToQuota(&directory, id);
  change.PutUnchanged(&directory);
  WEFT_RETURN_IF_ERROR(change.Commit());
  return reply;
}

}  // namespace weft::metadata::ops
