#include "client/fuse/libfuse_log.h"

#include <spdlog/spdlog.h>

#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>

#include "client/fuse/libfuse.h"

namespace weft::fuse {
namespace {

constexpr size_t kMaxLineBytes = 1024;

thread_local std::string last_error;

void Log(fuse_log_level level, const char* format, va_list arguments) {
  char line[kMaxLineBytes];
  const int length = std::vsnprintf(line, sizeof(line), format, arguments);
  if (length < 0) return;
  std::string_view text(line);
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (level <= FUSE_LOG_ERR) {
    last_error = text;
    spdlog::error("{}", text);
  } else if (level <= FUSE_LOG_WARNING) {
    spdlog::warn("{}", text);
  } else {
    spdlog::debug("{}", text);
  }
}

}  // namespace

void RouteLibfuseLog() { fuse_set_log_func(Log); }

std::string TakeLibfuseError() { return std::exchange(last_error, {}); }

}  // namespace weft::fuse
