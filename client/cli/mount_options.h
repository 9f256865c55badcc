// The options of a mount, as `weft mount` and mount(8) take them. Not thread-safe.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "client/fuse/mount.h"
#include "common/log.h"

namespace weft::cli {

struct MountSettings {
  fuse::MountOptions mount;
  LogOptions log;
};

// What to do with options of -o that are unknown.
enum class UnknownOptions { kRefuse, kIgnore };

// Fills in `settings` from the words of -o, each "name" or "name=value". Options of mount(8) that
// concern fstab only (defaults, noauto, _netdev, x-...) are taken and do nothing. EINVAL names an
// option that is unknown, or a value and what is allowed.
[[nodiscard]] absl::Status ReadMountOptions(const std::vector<std::string>& words,
                                            UnknownOptions unknown, MountSettings* settings);

// The names of the options with a value that are ours, with their meaning and default, for --help.
[[nodiscard]] std::string MountOptionsHelp();

// One word list of "a,b,c".
[[nodiscard]] std::vector<std::string> SplitOptions(std::string_view text);

}  // namespace weft::cli
