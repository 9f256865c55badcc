// Unmounting a file system by its mount point, as root or through fusermount3. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace weft::fuse {

enum class UnmountMode {
  kNormal,  // EBUSY where it is in use
  kLazy,    // gone from the tree at once; ends with its last open file
  kForce,   // as kLazy, but calls in progress and open files fail at once
};

// Waits until what mappings changed is written. The error names the mount point.
[[nodiscard]] absl::Status Unmount(const std::string& mount_point, UnmountMode mode);

}  // namespace weft::fuse
