#include "client/cli/command_tree.h"

#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/status.h"

namespace weft::cli {
namespace {

constexpr char kUsagePayload[] = "weft.cli.usage";

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  return status.GetPayload(kUsagePayload).has_value() ? kExitUsage : kExitFailed;
}

// The first word that stands where a subcommand should and is none; CLI11 only says that one is
// missing. Empty: there is no such word. Options before a subcommand have no values.
std::string_view UnknownCommand(const CLI::App& program, int argc, const char* const* argv) {
  const CLI::App* command = &program;
  for (int i = 1; i < argc && !command->get_subcommands({}).empty(); ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with('-')) continue;
    const std::vector<const CLI::App*> subcommands = command->get_subcommands({});
    const auto found = std::find_if(subcommands.begin(), subcommands.end(),
                                    [&](const CLI::App* sub) { return sub->get_name() == word; });
    if (found == subcommands.end()) return word;
    command = *found;
  }
  return {};
}

}  // namespace

absl::Status UsageError(std::string_view message) {
  absl::Status status = PosixError(EINVAL, message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

CommandTree::CommandTree()
    : program_("weft", "WeftFS: mount it, look after its cluster, measure it.",
               config::Command::ConfigFile::kNo) {
  program_.RequireCommand();
}

config::Command& CommandTree::AddGroup(std::string name, std::string description) {
  config::Command& group = program_.AddCommand(std::move(name), std::move(description));
  group.RequireCommand();
  return group;
}

config::Command& CommandTree::Add(config::Command& parent, std::string name,
                                  std::string description, std::string_view examples, Run run) {
  config::Command& command = parent.AddCommand(std::move(name), std::move(description));
  command.SetFooter(absl::StrCat("Examples:\n", std::string(examples)));
  leaves_.push_back({&command, std::move(run)});
  return command;
}

int CommandTree::Main(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  const std::string_view unknown = UnknownCommand(program_.app(), argc, argv);
  if (!unknown.empty()) {
    err << "weft: there is no command \"" << unknown << "\"\nTry: weft --help\n";
    return kExitUsage;
  }
  const absl::StatusOr<config::Command::Outcome> outcome = program_.Parse(argc, argv, out);
  if (!outcome.ok()) {
    err << "weft: " << MessageOf(outcome.status()) << "\nTry: weft --help\n";
    return kExitUsage;
  }
  if (*outcome == config::Command::Outcome::kDone) return kExitOk;
  for (const Leaf& leaf : leaves_) {
    if (!leaf.command->chosen()) continue;
    const absl::Status status = leaf.run(out);
    out.flush();
    if (!status.ok()) err << "weft: " << MessageOf(status) << "\n";
    return ExitCodeOf(status);
  }
  err << "weft: no such command\n";
  return kExitUsage;
}

}  // namespace weft::cli
