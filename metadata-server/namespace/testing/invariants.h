// What must hold of the namespace's rows whenever no operation is running.
#pragma once

#include <string>
#include <vector>

#include "metadata-server/namespace/testing/quota_invariants.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// Reads the whole store and says, in words, what does not hold:
//   - every name leads to an inode of its type, and every inode but the root and the orphans has as
//     many names as its nlink says (a directory: one name, and two links more than it has
//     subdirectories);
//   - a directory's entry count, parent and name are right, and it leads to the root;
//   - exactly the inodes without a name have an orphan row;
//   - inline bytes, cuts and xattrs belong to an inode that says so, content ids are unique and not
//     waiting to be reclaimed, and all ids are below the marks in kMeta;
//   - usages of quotas are sums over inodes, and the inodes have the right quota_id.
[[nodiscard]] std::vector<std::string> BrokenInvariants(const KvStore& store,
                                                        QuotaIds quota_ids = QuotaIds::kOfAll);

}  // namespace weft::metadata
