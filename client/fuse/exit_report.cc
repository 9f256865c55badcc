#include "client/fuse/exit_report.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "common/status.h"

namespace weft::fuse {
namespace {

constexpr std::string_view kGood = "ok";
constexpr size_t kMaxReportBytes = 4096;

}  // namespace

ExitReport::ExitReport() : memory_(::memfd_create("weft-exit-report", MFD_CLOEXEC)) {}

void ExitReport::Write(const absl::Status& status) const {
  const std::string text = status.ok() ? std::string(kGood) : MessageOf(status);
  if (memory_.is_open() && ::write(memory_.get(), text.data(), text.size()) < 0) {
    spdlog::warn("{}", MessageOf(LastError("write the exit report")));
  }
}

absl::StatusOr<UniqueFd> OpenExitReport(pid_t process, int fd) {
  const std::string path = absl::StrCat("/proc/", process, "/fd/", fd);
  UniqueFd report(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!report.is_open()) return LastError("open " + path);
  return report;
}

absl::Status ReadExitReport(const UniqueFd& report) {
  char text[kMaxReportBytes];
  const ssize_t length = ::pread(report.get(), text, sizeof(text), 0);
  if (length < 0) return LastError("read the exit report");
  const std::string_view read(text, static_cast<size_t>(length));
  if (read.empty()) return PosixError(EIO, "the mount process ended without a report (killed?)");
  return read == kGood ? absl::OkStatus() : PosixError(EIO, read);
}

}  // namespace weft::fuse
