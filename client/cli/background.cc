#include "client/cli/background.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "client/cli/command_tree.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace weft::cli {
namespace {

constexpr std::string_view kReady = "ready";  // anything else in the pipe is an error's text
constexpr size_t kMaxMessageBytes = 4096;     // written at once: no more than a pipe holds

bool Send(int pipe, std::string_view message) {
  message = message.substr(0, kMaxMessageBytes);
  return ::write(pipe, message.data(), message.size()) == static_cast<ssize_t>(message.size());
}

std::string ReceiveAll(int pipe) {
  std::string message;
  char part[kMaxMessageBytes];
  for (;;) {
    const ssize_t length = ::read(pipe, part, sizeof(part));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0 || message.size() > kMaxMessageBytes) return message;
    message.append(part, static_cast<size_t>(length));
  }
}

void LeaveTerminal() {
  ::setsid();
  if (::chdir("/") != 0) std::abort();  // the root directory is always there
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(null.get(), standard);
  }
}

[[noreturn]] void BeDaemon(UniqueFd pipe,
                           const std::function<absl::Status(const ReportReady&)>& serve) {
  LeaveTerminal();
  const absl::Status status = serve([&pipe] {
    const bool heard = Send(pipe.get(), kReady);
    pipe.Reset();
    return heard;
  });
  if (!status.ok() && pipe.is_open()) Send(pipe.get(), MessageOf(status));
  pipe.Reset();
  std::exit(status.ok() ? kExitOk : kExitFailed);
}

absl::Status DiedSilently(pid_t child) {
  int result = 0;
  if (::waitpid(child, &result, 0) == child && WIFSIGNALED(result)) {
    return PosixError(EIO, absl::StrCat("the process died of signal ", WTERMSIG(result)));
  }
  return PosixError(EIO, "the process ended without a word");
}

}  // namespace

absl::Status RunInBackground(const std::function<absl::Status(const ReportReady& ready)>& serve) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return LastError("pipe");
  UniqueFd from_child(ends[0]);
  UniqueFd to_parent(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return LastError("fork");
  if (child == 0) {
    from_child.Reset();
    BeDaemon(std::move(to_parent), serve);
  }
  to_parent.Reset();
  const std::string message = ReceiveAll(from_child.get());
  if (message == kReady) return absl::OkStatus();
  return message.empty() ? DiedSilently(child) : PosixError(EIO, message);
}

}  // namespace weft::cli
