// Checks that usages are the sums over inodes, and quota ids what they should be.
#pragma once

#include <string>
#include <vector>

#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// Which inodes must count in the nearest quota above them, where no quota wants a walk. Files of
// which a name was on the other side of a border before that was there may count on either side.
enum class QuotaIds { kOfAll, kOfDirectories };

// What is not as it should be; empty: all is well. Nothing may be changed meanwhile.
[[nodiscard]] std::vector<std::string> BrokenQuotaInvariants(const KvStore& store, QuotaIds ids);

}  // namespace weft::metadata
