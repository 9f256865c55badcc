#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/status.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/quota_space.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

// Of one page: so many are looked at; it ends once it has so many, or so many bytes of paths. A
// mount gives a page on as the value of an extended attribute, which has 64 KiB at most.
constexpr size_t kMaxExamined = 1000;
constexpr int kMaxPageQuotas = 64;
constexpr size_t kMaxPagePathBytes = 4096;
constexpr int kMaxDepth = 100'000;

// Is `inode` the directory `top`, or somewhere below it? One that has no name any more is below
// what it was below last.
absl::StatusOr<bool> IsBelow(const Core& core, InodeId inode, InodeId top) {
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    if (inode == top || top == kRootInode) return true;
    if (inode == kRootInode) return false;
    const absl::StatusOr<InodeRecord> record = ReadInode(*core.store, inode);
    if (ErrnoOf(record.status()) == ESTALE) return false;
    WEFT_RETURN_IF_ERROR(record.status());
    inode = InodeId(record->attr().parent_id());
  }
  return PosixError(EIO, "the metadata store is damaged: a directory does not lead to the root");
}

}  // namespace

absl::StatusOr<proto::ListQuotasReply> ListQuotas(Core& core,
                                                  const proto::ListQuotasRequest& request) {
  const InodeId top(request.inode_id());
  WEFT_RETURN_IF_ERROR(ReadDirectory(*core.store, top).status());
  proto::ListQuotasReply reply;
  const std::vector<Quota> quotas =
      core.quotas.After(InodeId(request.after_inode_id()), kMaxExamined);
  size_t path_bytes = 0;
  for (const Quota& quota : quotas) {
    if (reply.quotas_size() == kMaxPageQuotas || path_bytes >= kMaxPagePathBytes) return reply;
    reply.set_next_after_inode_id(quota.id.value());
    WEFT_ASSIGN_OR_RETURN(const bool is_below, IsBelow(core, quota.id, top));
    if (!is_below) continue;
    *reply.add_quotas() = Describe(core, quota);
    path_bytes += reply.quotas().rbegin()->path().size();
  }
  if (quotas.size() < kMaxExamined) reply.clear_next_after_inode_id();
  return reply;
}

}  // namespace weft::metadata::ops
