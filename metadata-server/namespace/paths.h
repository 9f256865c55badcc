// The path of an inode, for people. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "common/ids.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// From the root ("/a/b"); of a file with several names, by the last one that it was given. Read
// without locks. ENOENT: it has no name any more, or others than that one. ESTALE: it is gone.
[[nodiscard]] absl::StatusOr<std::string> PathOf(const KvStore& store, InodeId inode);

}  // namespace weft::metadata
