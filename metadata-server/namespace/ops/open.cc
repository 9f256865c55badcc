#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::OpenReply> Open(Core& core, const proto::OpenRequest& request,
                                      Transaction& transaction, std::string* payload) {
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  return OpenLocked<proto::OpenReply>(core, transaction, std::move(inode),
                                      {.for_writing = request.for_writing(),
                                       .truncate = request.truncate(),
                                       .want = WantOf(request)},
                                      payload);
}

}  // namespace weft::metadata::ops
