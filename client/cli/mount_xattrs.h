// Asks the mount that a path lies on, through the extended attributes of
// client/fuse/virtual_xattrs.h. Thread-safe: functions without state.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "client/cli/output.h"

namespace weft::cli {

// EOPNOTSUPP: the path is not on a mount of WeftFS. Symbolic links are followed.
[[nodiscard]] absl::StatusOr<Json> ReadMountXattr(const std::string& path, const std::string& name);
[[nodiscard]] absl::Status WriteMountXattr(const std::string& path, const std::string& name,
                                           const Json& value);

// A number of an answer; 0 where it has none.
[[nodiscard]] uint64_t NumberIn(const Json& object, const char* key);
// A text of an answer; empty where it has none.
[[nodiscard]] std::string TextIn(const Json& object, const char* key);

}  // namespace weft::cli
