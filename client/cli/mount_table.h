// The kernel's table of mounts, as this process sees it. Thread-safe: functions without state.
#pragma once

#include <absl/status/statusor.h>

#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

inline constexpr char kWeftType[] = "fuse.weft";

struct MountEntry {
  std::string mount_point;
  std::string type;    // "fuse.weft"
  std::string source;  // what is mounted: the address of the metadata-server
};

// Of text as in /proc/self/mountinfo (proc(5)); lines that are not understood are left out.
[[nodiscard]] std::vector<MountEntry> ParseMountTable(std::istream& text);
[[nodiscard]] absl::StatusOr<std::vector<MountEntry>> ReadMountTable();

// What is mounted at exactly that place, the last where several are.
[[nodiscard]] std::optional<MountEntry> FindMount(const std::vector<MountEntry>& table,
                                                  std::string_view mount_point);

// The path as the table has it: absolute, without symbolic links, "." and "..". Asks nothing of
// what is mounted at its last part, which may not answer.
[[nodiscard]] absl::StatusOr<std::string> AbsoluteMountPoint(const std::string& path);

}  // namespace weft::cli
