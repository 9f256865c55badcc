#include "client/cli/completion.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <CLI/CLI.hpp>
#include <vector>

#include "client/cli/commands.h"

namespace weft::cli {
namespace {

// Options and subcommands that --help shows.
std::vector<std::string> WordsOf(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::App* sub : command.get_subcommands({})) words.push_back(sub->get_name());
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    for (const std::string& name : option->get_snames()) words.push_back("-" + name);
  }
  return words;
}

struct Script {
  std::string paths;  // case patterns of all subcommands: "weft node"|"weft node list"
  std::string words;  // one case for each of them
};

void AddCommand(const CLI::App& command, const std::string& path, Script* script) {
  absl::StrAppend(&script->words, "    \"", path, "\") words=\"",
                  absl::StrJoin(WordsOf(command), " "), "\" ;;\n");
  for (const CLI::App* sub : command.get_subcommands({})) {
    const std::string sub_path = path + " " + sub->get_name();
    absl::StrAppend(&script->paths, script->paths.empty() ? "" : "|", "\"", sub_path, "\"");
    AddCommand(*sub, sub_path, script);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& program) {
  const std::string name = program.get_name();
  Script script;
  AddCommand(program, name, &script);
  return absl::StrCat(
      "# Completion of ", name, " for bash. Use it now: source <(", name, " completion bash)\n",
      "_", name, "_complete() {\n", "  local path=", name, " words=\"\" i\n",
      "  for (( i = 1; i < COMP_CWORD; i++ )); do\n", "    case \"$path ${COMP_WORDS[i]}\" in\n",
      "      ", script.paths, ") path=\"$path ${COMP_WORDS[i]}\" ;;\n", "    esac\n", "  done\n",
      "  case \"$path\" in\n", script.words, "  esac\n",
      "  COMPREPLY=( $(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\") )\n", "}\n",
      "complete -o bashdefault -o default -F _", name, "_complete ", name, "\n");
}

void AddCompletionCommands(CommandTree& tree) {
  config::Command& group = tree.AddGroup("completion", "Completion scripts for shells");
  tree.Add(group, "bash", "Print the completion script for bash",
           "  source <(weft completion bash)\n"
           "  weft completion bash >/etc/bash_completion.d/weft\n",
           [&tree](std::ostream& out) {
             out << BashCompletion(tree.program().app());
             return absl::OkStatus();
           });
}

}  // namespace weft::cli
