// How a mount process ended, for another process to read that is not its parent: `weft unmount`
// opens the report's descriptor through /proc while the mount still lives and reads it after its
// end.
#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <string>

#include "common/unique_fd.h"

namespace weft::fuse {

// Of this process. Not thread-safe.
class ExitReport {
 public:
  ExitReport();
  // Its number in this process; -1: the machine has none to give, nothing is reported.
  [[nodiscard]] int fd() const { return memory_.get(); }
  void Write(const absl::Status& status) const;

 private:
  UniqueFd memory_;
};

// Of another process, which is still alive. EPERM and the like: not ours to read.
[[nodiscard]] absl::StatusOr<UniqueFd> OpenExitReport(pid_t process, int fd);
// After its end. An error is what it reported, or that it ended without a report.
[[nodiscard]] absl::Status ReadExitReport(const UniqueFd& report);

}  // namespace weft::fuse
