#include "common/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

#include "common/status.h"

namespace weft {

absl::Status SetUpLog(const LogOptions& options) {
  const auto level = spdlog::level::from_str(options.level);
  if (level == spdlog::level::off && options.level != "off") {
    return PosixError(EINVAL, "log level \"" + options.level +
                                  "\" is not one of trace, debug, info, warn, error, critical, off");
  }
  std::shared_ptr<spdlog::logger> logger;
  try {
    logger = options.file.empty() ? spdlog::stderr_logger_mt("weft")
                                  : spdlog::basic_logger_mt("weft", options.file);
  } catch (const spdlog::spdlog_ex& error) {
    return PosixError(EIO, "log file " + options.file + ": " + error.what());
  }
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%L%$ %t %v", spdlog::pattern_time_type::utc);
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

}  // namespace weft
