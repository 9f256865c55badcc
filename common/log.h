// Logging through spdlog: one line each, with UTC time, level, thread and text; to stderr or a file.
//
// Use spdlog::info(...) and so on directly; this header only sets it up, once, in main. Lines about one
// request name its id ("req=17"), so that a request can be followed through daemons.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace weft {

struct LogOptions {
  std::string level = "info";  // trace, debug, info, warn, error, critical, off
  std::string file;            // empty: stderr
};

// Makes the default logger. Unknown level or a file that cannot be opened: an error that names it.
[[nodiscard]] absl::Status SetUpLog(const LogOptions& options);

}  // namespace weft
