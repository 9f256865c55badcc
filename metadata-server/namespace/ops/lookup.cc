#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

// A name whose inode goes again and again before it can be locked is not believable.
constexpr int kMaxLookups = 1000;

absl::StatusOr<InodeRecord> Find(Core& core, const InodeRecord& parent, std::string_view name) {
  if (name == ".") return parent;
  if (name == "..") return ReadInode(*core.store, InodeId(parent.attr().parent_id()));
  return ReadNamedInode(*core.store, IdOf(parent), name);
}

}  // namespace

absl::StatusOr<proto::LookupReply> Lookup(Core& core, const proto::LookupRequest& request,
                                          std::string* payload) {
  WEFT_RETURN_IF_ERROR(CheckName(request.name()));
  WEFT_ASSIGN_OR_RETURN(const InodeRecord parent,
                        ReadDirectory(*core.store, InodeId(request.parent_id())));
  WEFT_RETURN_IF_ERROR(MaySearch(request.credentials(), parent));
  proto::LookupReply reply;
  for (int i = 0; i < kMaxLookups; ++i) {
    WEFT_ASSIGN_OR_RETURN(InodeRecord inode, Find(core, parent, request.name()));
    if (request.want_inline() && payload != nullptr && inode.attr().content().is_inline()) {
      // Attributes and bytes must be of the same moment.
      const InodeLocks::Guard guard = core.locks.Lock({IdOf(inode)});
      absl::StatusOr<InodeRecord> locked = ReadInode(*core.store, IdOf(inode));
      if (ErrnoOf(locked.status()) == ESTALE) continue;
      WEFT_RETURN_IF_ERROR(locked.status());
      inode = *std::move(locked);
      if (May(request.credentials(), inode, kWantRead).ok()) {
        WEFT_ASSIGN_OR_RETURN(*payload, InlinePayload(core, inode));
      }
    }
    *reply.mutable_attr() = std::move(*inode.mutable_attr());
    return reply;
  }
  return PosixError(EBUSY, "the name changes all the time");
}

}  // namespace weft::metadata::ops
