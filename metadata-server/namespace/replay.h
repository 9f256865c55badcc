// Answers to repeated requests that need more than the kept reply.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <utility>

#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/mutate.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {

// An Open or Create that was answered before. The open of an earlier process is counted in this
// one, once; attributes and payload are those of now, so that they fit together.
template <typename Reply>
[[nodiscard]] absl::StatusOr<Reply> ReplayOpen(Core& core, const RequestId& request,
                                               bool for_writing, Reply reply,
                                               std::string* payload) {
  const InodeId id(reply.attr().inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  absl::StatusOr<InodeRecord> inode = ReadInode(*core.store, id);
  if (ErrnoOf(inode.status()) == ESTALE) return reply;
  WEFT_RETURN_IF_ERROR(inode.status());
  if (core.replies->TakeEarlierRun(request)) {
    WEFT_RETURN_IF_ERROR(
        core.opens.Add(request.session, id, ModeOf(for_writing), request.sequence));
  }
  reply.set_sole_writer(for_writing && IsSoleWriter(core, request.session, id));
  if (payload != nullptr) {
    WEFT_ASSIGN_OR_RETURN(*payload, InlinePayload(core, *inode));
  }
  *reply.mutable_attr() = std::move(*inode->mutable_attr());
  return reply;
}

// A SetAttr whose cut may not have been finished when the first answer did not come.
[[nodiscard]] inline absl::StatusOr<proto::SetAttrReply> ReplaySetAttr(Core& core,
                                                                       proto::SetAttrReply reply) {
  const InodeId id(reply.attr().inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_RETURN_IF_ERROR(FinishCut(core, id, Patience::kWait));
  return reply;
}

}  // namespace weft::metadata
