#include "metadata-server/namespace/upkeep.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/status.h"
#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

// The rest waits for the next Tick.
constexpr size_t kMaxOrphansPerTick = 10'000;

// Keeps the first error.
void Collect(const absl::Status& status, absl::Status* first) {
  if (first->ok()) *first = status;
}

// A writer has gone without a last CommitWrite: the size, and the space that is used, become what
// the chunks tell.
absl::Status SettleSize(Core& core, InodeRecord inode) {
  WEFT_RETURN_IF_ERROR(FinishCut(core, IdOf(inode), Patience::kOneTry));
  proto::Attr* const attr = inode.mutable_attr();
  WEFT_ASSIGN_OR_RETURN(const StoredContent stored,
                        core.content->End(attr->content(), Patience::kOneTry));
  const bool has_grown = stored.end_bytes > attr->size_bytes();
  const uint64_t size = std::max(attr->size_bytes(), stored.end_bytes);
  const uint64_t used = std::min(stored.used_bytes, MostUsedByChunks(size));
  if (!has_grown && used == attr->used_bytes()) return absl::OkStatus();
  attr->set_used_bytes(used);
  attr->set_size_bytes(size);
  Change change(core);
  change.IgnoreQuotaLimits();  // it was written within what its client was told is left
  if (has_grown) attr->set_mtime_ns(change.now_ns());
  change.PutChanged(&inode);
  return change.Commit();
}

// The content of a file whose writer has gone.
absl::Status SettleContent(Core& core, InodeId id) {
  absl::StatusOr<InodeRecord> inode = ReadInode(*core.store, id);
  if (ErrnoOf(inode.status()) == ESTALE) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(inode.status());
  if (!IsRegular(*inode) || inode->attr().nlink() == 0) return absl::OkStatus();
  // It may have written chunks and not come to say so: they must not show through holes later.
  if (inode->attr().content().is_inline()) return RenewInlineContent(core, *std::move(inode));
  return SettleSize(core, *std::move(inode));
}

absl::Status CloseAll(Core& core, SessionId session, const OpenFiles::OpenInode& open) {
  const InodeLocks::Guard guard = core.locks.Lock({open.inode});
  if (open.for_writing) WEFT_RETURN_IF_ERROR(SettleContent(core, open.inode));
  core.opens.RemoveAll(session, open.inode);
  return DeleteIfForgotten(core, open.inode);
}

absl::Status DeleteForgottenOrphans(Core& core) {
  std::vector<InodeId> orphans;
  WEFT_RETURN_IF_ERROR(
      core.store->Scan(Family::kOrphan, {}, {}, [&](std::string_view key, std::string_view) {
        const InodeId orphan = InodeOfKey(key);
        if (!core.opens.IsOpen(orphan)) orphans.push_back(orphan);
        return orphans.size() < kMaxOrphansPerTick;
      }));
  absl::Status first;
  for (const InodeId orphan : orphans) {
    const std::optional<InodeLocks::Guard> guard = core.locks.TryLock(orphan);
    if (guard) Collect(DeleteIfForgotten(core, orphan), &first);
  }
  return first;
}

}  // namespace

absl::Status EndSession(Core& core, SessionId session) {
  absl::Status first;
  for (const OpenFiles::OpenInode& open : core.opens.OfSession(session)) {
    Collect(CloseAll(core, session, open), &first);
  }
  WEFT_RETURN_IF_ERROR(first);
  return core.replies->Drop(session);
}

absl::Status Tick(Core& core) {
  absl::Status first;
  for (const InodeId inode : core.cuts.All()) {
    // Locked: its shrink is being finished right now, or the next Tick comes soon enough.
    const std::optional<InodeLocks::Guard> guard = core.locks.TryLock(inode);
    if (guard) Collect(FinishCut(core, inode, Patience::kOneTry), &first);
  }
  if (!core.InGrace()) Collect(DeleteForgottenOrphans(core), &first);
  return first;
}

}  // namespace weft::metadata
