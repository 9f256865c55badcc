// Runs a mutation exactly once for each (session, sequence), however often it is asked for.
#pragma once

#include <absl/status/statusor.h>

#include "common/status.h"
#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/sessions/kept_replies.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

[[nodiscard]] inline RequestId RequestIdOf(const proto::Mutation& mutation,
                                           proto::MetadataMethod method) {
  return {.session = SessionId(mutation.session_id()),
          .sequence = mutation.sequence(),
          .acknowledged = mutation.acknowledged(),
          .method = static_cast<uint8_t>(method)};
}

// `execute(Transaction&)` gives the reply; `replay(Reply)` gives the answer to a repetition from
// the kept reply. Both return absl::StatusOr<Reply>.
template <typename Reply, typename Execute, typename Replay>
[[nodiscard]] absl::StatusOr<Reply> Mutate(Core& core, const proto::Mutation& mutation,
                                           proto::MetadataMethod method, Execute execute,
                                           Replay replay) {
  WEFT_ASSIGN_OR_RETURN(KeptReplies::Start start,
                        core.replies->Begin(RequestIdOf(mutation, method)));
  if (start.replay) {
    Reply reply;
    if (!reply.ParseFromString(start.replay->reply)) {
      return PosixError(EIO, "the metadata store is damaged: a kept reply cannot be read");
    }
    return replay(std::move(reply));
  }
  Transaction transaction(core, mutation, *std::move(start.execution));
  absl::StatusOr<Reply> reply = execute(transaction);
  if (!reply.ok()) transaction.Fail(reply.status());
  return reply;
}

}  // namespace weft::metadata
