// The rule of "relatime" (mount(8)), which client and metadata-server share.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weft {

// An access time as old as this is set again, whatever else happened.
inline constexpr int64_t kAccessTimeDayNs = int64_t{24} * 3600 * 1'000'000'000;

// Does a read at `now_ns` set the access time? All in nanoseconds since the Unix epoch.
[[nodiscard]] constexpr bool IsRelativeAtimeDue(int64_t atime_ns, int64_t mtime_ns,
                                                int64_t ctime_ns, int64_t now_ns) {
  return atime_ns <= std::max(mtime_ns, ctime_ns) || now_ns - atime_ns >= kAccessTimeDayNs;
}

}  // namespace weft
