// What the operations of the namespace share. It has no behaviour of its own: operations (ops/)
// take it as their first argument.
#pragma once

#include <memory>

#include "common/clock.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/namespace/id_allocator.h"
#include "metadata-server/namespace/inode_counter.h"
#include "metadata-server/namespace/inode_locks.h"
#include "metadata-server/namespace/namespace.h"
#include "metadata-server/namespace/pending_cuts.h"
#include "metadata-server/namespace/quota_table.h"
#include "metadata-server/namespace/quota_walks.h"
#include "metadata-server/sessions/kept_replies.h"
#include "metadata-server/sessions/open_files.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// Lock order: directory_moves, then inode locks, then QuotaTable::Alone; nothing else is held while
// one of them is waited for.
struct Core {
  // Constant.
  KvStore* store = nullptr;
  Clock* clock = nullptr;
  ContentService* content = nullptr;
  Clock::TimePoint
      grace_end;  // until then, anything may be open in a session that did not report yet

  // Synchronized by themselves.
  std::unique_ptr<IdAllocator> inode_ids;
  std::unique_ptr<IdAllocator> content_ids;
  std::unique_ptr<InodeCounter> inode_count;
  std::unique_ptr<KeptReplies> replies;
  PendingCuts cuts;
  OpenFiles opens;
  QuotaTable quotas;
  MovedDirectories moved_directories;
  InodeLocks
      locks;  // an inode's row, content rows, xattrs and names in it change under its lock only

  // Held while a directory gets another parent, so that the way up from any directory is stable.
  Mutex directory_moves;

  [[nodiscard]] bool InGrace() const { return clock->Now() < grace_end; }
};

}  // namespace weft::metadata
