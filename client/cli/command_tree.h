// The subcommands of `weft`, each with what it does. Not thread-safe.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/command.h"

namespace weft::cli {

// Exit codes of the program.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

class CommandTree {
 public:
  // Does the work; `out` is the standard output. An error is printed by who called.
  using Run = std::function<absl::Status(std::ostream& out)>;

  CommandTree();

  [[nodiscard]] config::Command& program() { return program_; }
  // A subcommand that only groups others.
  config::Command& AddGroup(std::string name, std::string description);
  // `examples`: lines for --help. What `run` refers to must live as long as this.
  config::Command& Add(config::Command& parent, std::string name, std::string description,
                       std::string_view examples, Run run);

  // Parses, runs the subcommand that was named, prints its error to `err`. The exit code.
  [[nodiscard]] int Main(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

 private:
  struct Leaf {
    const config::Command* command;
    Run run;
  };

  config::Command program_;
  std::vector<Leaf> leaves_;
};

// An error of whoever typed the command: exit code 2.
[[nodiscard]] absl::Status UsageError(std::string_view message);

}  // namespace weft::cli
