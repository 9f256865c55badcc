// mount.weft: how mount(8) calls a helper, so that `mount -t weft` and /etc/fstab work. Not
// thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

struct HelperArguments {
  std::string server;
  std::string mount_point;
  std::vector<std::string> options;
  bool sloppy = false;  // -s: unknown options are ignored
  bool fake = false;    // -f: everything but the mounting
};

// The program was called by this name.
[[nodiscard]] bool IsMountHelper(std::string_view program);

// SERVER MOUNTPOINT [-sfnv] [-o OPTIONS] [-t TYPE], in any order.
[[nodiscard]] absl::StatusOr<HelperArguments> ParseHelperArguments(int argc, char** argv);

// The exit code, as mount(8) has them.
[[nodiscard]] int MountHelperMain(int argc, char** argv, std::ostream& err);

}  // namespace weft::cli
