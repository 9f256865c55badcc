// Walks give the inodes below a quota's directory their quota_id, after it was set or removed.
//
// A walk goes through the tree from the directory down, a bounded number of names in one Step. An
// inode is changed under its lock and that of its directory, a directory before its names are read:
// what is made in it later inherits. The directory of another quota is not entered; that quota then
// stands below. A walk keeps nothing in the store: after a restart it begins anew, and passes over
// what is done. A directory that is moved while there are walks could come from where the walk has
// not been to where it was already: those who move one say so (MovedDirectories). What a removal
// still has not met, unlinked inodes say, it finds by looking at all inodes.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/namespace/quota_table.h"

namespace weft::metadata {

struct Core;

// Directories that walks have to look at (again). Thread-safe.
class MovedDirectories {
 public:
  // Called with the directory's lock held, before the move is committed.
  void Add(InodeId directory);
  [[nodiscard]] std::optional<InodeId> Take();

 private:
  Mutex mutex_;
  std::set<InodeId> directories_ WEFT_GUARDED_BY(mutex_);
};

// Not thread-safe; operations may run meanwhile.
class QuotaWalker {
 public:
  explicit QuotaWalker(Core* core) : core_(core) {}

  // Looks at some `max_names` names at most. False: no quota has to be walked now. An error of the
  // store: the walk begins anew at the next call.
  [[nodiscard]] absl::StatusOr<bool> Step(size_t max_names);

 private:
  // A directory whose names are being looked at.
  struct Frame {
    InodeId directory;
    InodeId target;          // the quota_id of what is in it
    std::string after_name;  // the last one that was looked at
  };
  struct Name {
    std::string name;
    InodeId inode;
  };

  [[nodiscard]] absl::StatusOr<bool> Advance(size_t max_names);
  [[nodiscard]] absl::Status BeginWalk(const QuotaWalk& walk);
  [[nodiscard]] absl::Status VisitMoved(InodeId directory);
  [[nodiscard]] absl::StatusOr<size_t> VisitNames(size_t max_names);
  // False: the frame's directory is not what it was, and is left.
  [[nodiscard]] absl::StatusOr<bool> VisitName(const Frame& frame, const Name& name);
  [[nodiscard]] absl::Status Finish();
  [[nodiscard]] absl::Status FinishRemoval();
  [[nodiscard]] absl::StatusOr<size_t> ScanInodes(size_t max_inodes);

  Core* const core_;
  std::optional<QuotaWalk> walk_;   // nothing: none has begun
  std::vector<Frame> frames_;       // from the top down
  std::optional<InodeId> scan_at_;  // of a removal: all inodes are looked at, these are next
  bool scan_found_ = false;
};

}  // namespace weft::metadata
