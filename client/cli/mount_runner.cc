#include "client/cli/mount_runner.h"

#include <absl/strings/str_cat.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "client/cli/background.h"
#include "client/cli/mount_table.h"
#include "client/cli/mount_xattrs.h"
#include "client/fuse/unmount.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"
#include "common/stop_signal.h"

namespace weft::cli {
namespace {

constexpr char kLogDirectoryOfRoot[] = "/var/log/weft";

absl::Status CheckIsDirectory(const std::string& mount_point) {
  struct stat stat = {};
  if (::stat(mount_point.c_str(), &stat) != 0) {
    if (errno == ENOENT) {
      return PosixError(ENOENT, absl::StrCat("mount point ", mount_point,
                                             " does not exist: mkdir -p ", mount_point));
    }
    return LastError("mount point " + mount_point);
  }
  if (!S_ISDIR(stat.st_mode)) {
    return PosixError(ENOTDIR, "mount point " + mount_point + " is not a directory");
  }
  return absl::OkStatus();
}

// The process of the mount has died. The kernel goes on showing what it has cached, so that this is
// asked of what it cannot know.
bool IsDead(const std::string& mount_point) {
  const int error = ErrnoOf(ReadMountXattr(mount_point, fuse::kMountXattr).status());
  return error == ENOTCONN || error == ECONNABORTED;
}

absl::Status CheckMountPoint(const std::string& mount_point) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<MountEntry> table, ReadMountTable());
  const std::optional<MountEntry> present = FindMount(table, mount_point);
  if (present.has_value() && present->type == kWeftType) {
    if (!IsDead(mount_point)) {
      return PosixError(
          EBUSY, absl::StrCat(mount_point, " has WeftFS of ", present->source, " mounted already"));
    }
    WEFT_RETURN_IF_ERROR(fuse::Unmount(mount_point, fuse::UnmountMode::kLazy));
  }
  return CheckIsDirectory(mount_point);
}

absl::StatusOr<std::string> DefaultLogFile(const std::string& mount_point) {
  namespace fs = std::filesystem;
  fs::path directory = kLogDirectoryOfRoot;
  if (::geteuid() != 0) {
    const char* const state = std::getenv("XDG_STATE_HOME");
    const char* const home = std::getenv("HOME");
    if (state == nullptr && home == nullptr) {
      return PosixError(EINVAL, "name a log file: -o log_file=FILE");
    }
    directory = (state != nullptr ? fs::path(state) : fs::path(home) / ".local/state") / "weft";
  }
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return PosixError(error.value(),
                      absl::StrCat("make ", directory.string(), ": ", error.message(),
                                   " (-o log_file=FILE names another place to log)"));
  }
  std::string name = "mount" + mount_point + ".log";  // "mount-mnt-weft.log"
  std::replace(name.begin(), name.end(), '/', '-');
  return (directory / name).string();
}

// What depends on who mounts, and what must not depend on the working directory.
absl::Status Complete(RunIn where, MountSettings* settings) {
  fuse::SessionOptions& session = settings->mount.session;
  if (::geteuid() == 0) {
    session.allow_other = true;
    // The defaults of mount(8); libfuse's are the opposite. Flags of the user come after them.
    session.mount_flags.insert(session.mount_flags.begin(), {"suid", "dev"});
  }
  if (settings->log.file.empty()) {
    if (where == RunIn::kForeground) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(settings->log.file, DefaultLogFile(session.mount_point));
  }
  std::error_code error;
  settings->log.file = std::filesystem::absolute(settings->log.file, error).string();
  return error ? PosixError(error.value(), "log file: " + error.message()) : absl::OkStatus();
}

absl::Status Serve(const MountSettings& settings, const ReportReady& ready) {
  StopSignal stop;
  WEFT_RETURN_IF_ERROR(SetUpLog(settings.log));
  return fuse::ServeMount(settings.mount, &stop, ready);
}

}  // namespace

absl::Status RunMount(const std::string& server, const std::string& mount_point, RunIn where,
                      MountSettings settings) {
  WEFT_ASSIGN_OR_RETURN(const std::string absolute, AbsoluteMountPoint(mount_point));
  WEFT_RETURN_IF_ERROR(CheckMountPoint(absolute));
  settings.mount.vfs.server = server;
  settings.mount.vfs.mount_point = absolute;
  settings.mount.session.source = server;
  settings.mount.session.mount_point = absolute;
  WEFT_RETURN_IF_ERROR(Complete(where, &settings));
  if (where == RunIn::kForeground) return Serve(settings, [] { return true; });
  return RunInBackground([&settings](const ReportReady& ready) { return Serve(settings, ready); });
}

}  // namespace weft::cli
