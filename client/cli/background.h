// Runs a daemon in the background and waits until it works. Not thread-safe; before any thread is
// started.
#pragma once

#include <absl/status/status.h>

#include <functional>

namespace weft::cli {

// Called in the daemon once it works. False: nobody waits any more.
using ReportReady = std::function<bool()>;

// Calls `serve` in a child process with a session of its own, at "/", with standard input, output
// and error on /dev/null. Returns in the parent: OK once `serve` has reported that it works, or the
// error with which it ended before. The child exits when `serve` returns.
[[nodiscard]] absl::Status RunInBackground(
    const std::function<absl::Status(const ReportReady& ready)>& serve);

}  // namespace weft::cli
