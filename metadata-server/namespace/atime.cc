#include "metadata-server/namespace/atime.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/access_time.h"
#include "common/status.h"
#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {

bool IsAtimeDue(proto::AtimePolicy policy, const proto::Attr& attr, int64_t now_ns) {
  switch (policy) {
    case proto::STRICT_ATIME:
      return true;
    case proto::RELATIVE_ATIME:
      return IsRelativeAtimeDue(attr.atime_ns(), attr.mtime_ns(), attr.ctime_ns(), now_ns);
    default:
      return false;
  }
}

void NoteRead(Core& core, proto::AtimePolicy policy, const proto::Attr& attr) {
  const int64_t now_ns = core.clock->WallNs();
  if (!IsAtimeDue(policy, attr, now_ns)) return;
  const InodeId id(attr.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  SetAtime(core, id, now_ns);
}

void SetAtime(Core& core, InodeId inode, int64_t atime_ns) {
  absl::StatusOr<InodeRecord> record = ReadInode(*core.store, inode);
  if (!record.ok()) return;
  const int64_t atime = std::min(atime_ns, core.clock->WallNs());
  if (atime <= record->attr().atime_ns()) return;
  record->mutable_attr()->set_atime_ns(atime);
  Change change(core);
  change.PutUnchanged(&*record);
  const absl::Status status = change.Commit();
  if (!status.ok()) {
    spdlog::debug("the access time of inode {} is not set: {}", inode.value(), MessageOf(status));
  }
}

}  // namespace weft::metadata
