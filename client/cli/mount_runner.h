// Mounts, in the foreground or the background: what `weft mount` and mount.weft have in common.
// Not thread-safe; before any thread is started.
#pragma once

#include <absl/status/status.h>

#include <string>

#include "client/cli/mount_options.h"

namespace weft::cli {

enum class RunIn { kForeground, kBackground };

// `settings` without server and mount point, which are filled in here, as are the defaults that
// depend on who mounts: root's mounts are for all users.
// In the foreground it returns when the file system has been unmounted, in the background once it
// can be used. A dead mount of WeftFS at the mount point is taken away first. Errors name what to
// do: the mount point does not exist, is no directory, or has WeftFS mounted already.
[[nodiscard]] absl::Status RunMount(const std::string& server, const std::string& mount_point,
                                    RunIn where, MountSettings settings);

}  // namespace weft::cli
