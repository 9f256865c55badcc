// weft-storage: keeps the chunks of files and serves them to clients.
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <optional>

#include "common/config/command.h"
#include "common/log.h"
#include "common/status.h"
#include "common/stop_signal.h"
#include "storage-server/options.h"
#include "storage-server/server.h"

namespace {

// Says why the daemon ends: on stderr, and in the log where that is another place.
int Fail(const absl::Status& status, const weft::LogOptions& log) {
  std::cerr << "weft-storage: " << weft::MessageOf(status) << std::endl;
  if (!log.file.empty()) spdlog::critical("{}", weft::MessageOf(status));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  weft::StopSignal stop_signal;
  weft::storage::Options options = weft::storage::DefaultOptions();
  weft::config::Command command("weft-storage", "Keeps chunks of files for a WeftFS cluster.");
  weft::storage::DeclareOptions(command, &options);
  if (const std::optional<int> exit_code = command.ParseOrExitCode(argc, argv)) return *exit_code;
  if (const absl::Status status = weft::SetUpLog(options.log); !status.ok()) {
    return Fail(status, weft::LogOptions());
  }

  std::atomic<bool> is_refused = false;
  const auto on_refused = [&](const absl::Status& status) {
    is_refused = true;
    Fail(status, options.log);
    ::kill(::getpid(), SIGTERM);  // wakes the wait below
  };
  auto server = weft::storage::Server::Start(options, on_refused);
  if (!server.ok()) return Fail(server.status(), options.log);
  std::cout << "listening wire=" << (*server)->address() << std::endl;

  const int signal = stop_signal.Wait();
  spdlog::info("stopping on signal {}", signal);
  (*server)->Stop();
  return is_refused ? 1 : 0;
}
