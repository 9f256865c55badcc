#include "client/fuse/unmount.h"

#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace weft::fuse {
namespace {

constexpr char kHelper[] = "fusermount3";  // setuid root: unmounts what its caller has mounted

absl::Status UnmountAsRoot(const std::string& mount_point, UnmountMode mode) {
  int flags = UMOUNT_NOFOLLOW;
  if (mode == UnmountMode::kForce) {
    // Ends the connection, then fails where files are open: only the detaching below is sure.
    if (::umount2(mount_point.c_str(), flags | MNT_FORCE) == 0) return absl::OkStatus();
  }
  if (mode != UnmountMode::kNormal) flags |= MNT_DETACH;
  if (::umount2(mount_point.c_str(), flags) == 0) return absl::OkStatus();
  return LastError("unmount " + mount_point);
}

absl::Status UnmountThroughHelper(const std::string& mount_point, UnmountMode mode) {
  std::vector<std::string> words = {kHelper, "-u", "-q"};
  if (mode != UnmountMode::kNormal) words.push_back("-z");
  words.push_back("--");
  words.push_back(mount_point);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  pid_t child = 0;
  const int error = ::posix_spawnp(&child, kHelper, nullptr, nullptr, arguments.data(), environ);
  if (error != 0) {
    return PosixError(error, std::string("run ") + kHelper + ": " + std::strerror(error));
  }
  int result = 0;
  while (::waitpid(child, &result, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(result) && WEXITSTATUS(result) == 0) return absl::OkStatus();
  return PosixError(EBUSY, std::string(kHelper) + " cannot unmount " + mount_point);
}

}  // namespace

absl::Status Unmount(const std::string& mount_point, UnmountMode mode) {
  return ::geteuid() == 0 ? UnmountAsRoot(mount_point, mode)
                          : UnmountThroughHelper(mount_point, mode);
}

}  // namespace weft::fuse
