// weft unmount: unmounts, waits for the mount's process to write out, and says if that failed.
#include "client/fuse/unmount.h"

#include <absl/strings/str_cat.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include "client/cli/commands.h"
#include "client/cli/mount_table.h"
#include "client/cli/mount_xattrs.h"
#include "client/cli/output.h"
#include "client/fuse/exit_report.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace weft::cli {
namespace {

// The process writes out for as long as its io_timeout, 1 min by default.
constexpr std::chrono::milliseconds kMaxWait{30 * 60 * 1000};
// After so long people are told what is waited for.
constexpr std::chrono::milliseconds kQuietWait{5'000};

struct UnmountOptions {
  std::string mount_point;
  bool force = false;
  bool lazy = false;
  bool json = false;
};

// The process behind a mount.
struct Server {
  pid_t pid = 0;
  UniqueFd process;  // a pidfd
  UniqueFd report;
};

absl::StatusOr<Server> FindServer(const std::string& mount_point) {
  WEFT_ASSIGN_OR_RETURN(const Json about, ReadMountXattr(mount_point, fuse::kMountXattr));
  Server server{.pid = static_cast<pid_t>(NumberIn(about, "pid"))};
  server.process.Reset(static_cast<int>(::syscall(SYS_pidfd_open, server.pid, 0)));
  if (!server.process.is_open()) {
    return LastError(absl::StrCat("process ", server.pid, " of the mount"));
  }
  WEFT_ASSIGN_OR_RETURN(
      server.report,
      fuse::OpenExitReport(server.pid, static_cast<int>(NumberIn(about, "exit_report_fd"))));
  return server;
}

// False: the process has not ended within `limit`.
absl::StatusOr<bool> EndsWithin(const Server& server, std::chrono::milliseconds limit) {
  pollfd wait = {.fd = server.process.get(), .events = POLLIN};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, static_cast<int>(limit.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return LastError("wait for the mount's process");
  return ready > 0;
}

absl::Status WaitForEnd(const Server& server) {
  WEFT_ASSIGN_OR_RETURN(bool ended, EndsWithin(server, kQuietWait));
  if (!ended) {
    std::cerr << "weft: unmounted; waiting for process " << server.pid
              << " to write out. It cannot end while another mount namespace, as of a container, "
                 "has the mount, too: `grep -l weft /proc/*/mountinfo`\n";
    WEFT_ASSIGN_OR_RETURN(ended, EndsWithin(server, kMaxWait));
  }
  if (!ended) return PosixError(ETIMEDOUT, "the mount's process has not ended in half an hour");
  return fuse::ReadExitReport(server.report);
}

fuse::UnmountMode ModeOf(const UnmountOptions& options) {
  if (options.force) return fuse::UnmountMode::kForce;
  return options.lazy ? fuse::UnmountMode::kLazy : fuse::UnmountMode::kNormal;
}

absl::Status CheckIsWeft(const std::string& mount_point) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<MountEntry> table, ReadMountTable());
  const std::optional<MountEntry> entry = FindMount(table, mount_point);
  if (!entry.has_value()) return PosixError(EINVAL, mount_point + " is not mounted");
  if (entry->type != kWeftType) {
    return PosixError(EINVAL, absl::StrCat(mount_point, " is not WeftFS but ", entry->type));
  }
  return absl::OkStatus();
}

absl::Status Unmount(const UnmountOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const std::string mount_point, AbsoluteMountPoint(options.mount_point));
  WEFT_RETURN_IF_ERROR(CheckIsWeft(mount_point));
  const fuse::UnmountMode mode = ModeOf(options);
  // A forced unmount asks nothing of a mount that may not answer; a lazy one ends when the last
  // file is closed, which nobody waits for.
  absl::StatusOr<Server> server = PosixError(ENOTCONN, "not asked");
  if (mode == fuse::UnmountMode::kNormal) server = FindServer(mount_point);

  const absl::Status status = fuse::Unmount(mount_point, mode);
  if (ErrnoOf(status) == EBUSY) {
    return PosixError(EBUSY, absl::StrCat(mount_point, " is busy: `fuser -vm ", mount_point,
                                          "` shows who uses it; --lazy unmounts it later, --force "
                                          "now"));
  }
  WEFT_RETURN_IF_ERROR(status);
  if (server.ok()) {
    const absl::Status written = WaitForEnd(*server);
    if (!written.ok()) return Annotate(written, "unmounted " + mount_point + ", but");
  }
  if (options.json) {
    PrintJson({{"mount_point", mount_point}, {"waited_for_process", server.ok()}}, out);
  }
  return absl::OkStatus();
}

}  // namespace

void AddUnmountCommand(CommandTree& tree) {
  auto options = std::make_shared<UnmountOptions>();
  config::Command& command = tree.Add(
      tree.program(), "unmount", "Unmount; returns when everything is written and the mount ended",
      "  weft unmount /mnt/weft\n"
      "  weft unmount /mnt/weft --lazy     ends with its last open file\n"
      "  weft unmount /mnt/weft --force    open files fail, also where no server answers\n",
      [options](std::ostream& out) { return Unmount(*options, out); });
  command.AddText({.name = "MOUNTPOINT",
                   .value = "DIRECTORY",
                   .help = "Where it is mounted",
                   .required = true,
                   .positional = true},
                  &options->mount_point);
  command.AddFlag({.name = "force", .help = "Unmount at once; calls in progress fail"},
                  &options->force);
  command.AddFlag({.name = "lazy", .help = "Take it out of the tree; open files go on"},
                  &options->lazy);
  AddJsonFlag(command, &options->json);
}

}  // namespace weft::cli
