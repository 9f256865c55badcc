// weft-metadata: keeps the namespace and the cluster map of a WeftFS cluster.
#include <spdlog/spdlog.h>

#include <iostream>
#include <optional>

#include "common/config/command.h"
#include "common/log.h"
#include "common/status.h"
#include "common/stop_signal.h"
#include "metadata-server/options.h"
#include "metadata-server/server.h"

namespace {

// Says why the daemon ends: on stderr, and in the log where that is another place.
int Fail(const absl::Status& status, const weft::LogOptions& log) {
  std::cerr << "weft-metadata: " << weft::MessageOf(status) << std::endl;
  if (!log.file.empty()) spdlog::critical("{}", weft::MessageOf(status));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  weft::StopSignal stop_signal;
  weft::metadata::Options options;
  weft::config::Command command("weft-metadata", "Keeps the namespace of a WeftFS cluster.");
  weft::metadata::DeclareOptions(command, &options);
  if (const std::optional<int> exit_code = command.ParseOrExitCode(argc, argv)) return *exit_code;
  if (const absl::Status status = weft::SetUpLog(options.log); !status.ok()) {
    return Fail(status, weft::LogOptions());
  }
  auto server = weft::metadata::Server::Start(options);
  if (!server.ok()) return Fail(server.status(), options.log);
  std::cout << "listening wire=" << (*server)->wire_address()
            << " control=" << (*server)->control_address() << std::endl;

  const int signal = stop_signal.Wait();
  spdlog::info("stopping on signal {}", signal);
  (*server)->Stop();
  return 0;
}
