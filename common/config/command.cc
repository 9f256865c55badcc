#include "common/config/command.h"

#include <absl/strings/str_cat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "common/status.h"
#include "common/version.h"

namespace weft::config {

struct Command::Declared {
  Spec spec;
  std::string environment;   // empty for a positional argument
  std::string unit;          // for people
  std::string default_text;  // empty: none
  Reader reader;
  CLI::Option* option = nullptr;
};

namespace {

std::string EnvironmentName(std::string_view option) {
  std::string name = "WEFT_";
  for (const char c : option) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string ValueOfEnvironment(const std::string& name) {
  const char* value = name.empty() ? nullptr : std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// In a cell of a Markdown table.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

}  // namespace

// Reads the file through CLI11; refuses keys that are no options, and leaves out those that the
// environment sets, which goes first.
class Command::File final : public CLI::ConfigBase {
 public:
  explicit File(const Command* program) : program_(program) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> kept;
    for (CLI::ConfigItem& item : CLI::ConfigBase::from_config(input)) {
      const Command* const command = CommandOf(item);
      if (item.name == "++" || item.name == "--") {  // start and end of a section
        kept.push_back(std::move(item));
        continue;
      }
      const Declared* const declared = command->Find(item.name);
      if (declared == nullptr || declared->environment.empty()) {
        throw CLI::ConfigError(absl::StrCat("unknown key \"", item.fullname(), "\" in ", path()));
      }
      if (!ValueOfEnvironment(declared->environment).empty()) continue;
      texts_.emplace_back(declared, item.inputs);
      kept.push_back(std::move(item));
    }
    return kept;
  }

  [[nodiscard]] std::string path() const {
    return program_->app_->get_config_ptr()->as<std::string>();
  }
  // The file gave the option this text.
  [[nodiscard]] bool Gave(const Declared* declared, std::string_view text) const {
    for (const auto& [option, texts] : texts_) {
      if (option == declared && std::find(texts.begin(), texts.end(), text) != texts.end()) {
        return true;
      }
    }
    return false;
  }

 private:
  [[nodiscard]] const Command* CommandOf(const CLI::ConfigItem& item) const {
    const Command* command = program_;
    for (const std::string& section : item.parents) {
      command = command->FindCommand(section);
      if (command == nullptr) {
        throw CLI::ConfigError(absl::StrCat("unknown section \"", section, "\" in ", path()));
      }
    }
    return command;
  }

  const Command* const program_;
  mutable std::vector<std::pair<const Declared*, std::vector<std::string>>> texts_;
};

Command::Command(std::string name, std::string description, ConfigFile config_file)
    : program_(std::make_unique<CLI::App>(std::move(description), std::move(name))),
      app_(program_.get()) {
  app_->set_version_flag("--version", absl::StrCat(app_->get_name(), " ", kVersion));
  app_->set_help_all_flag("--help-markdown", "")->group("");
  if (config_file == ConfigFile::kYes) {
    file_ = std::make_shared<File>(this);
    app_->set_config("--config", "", "Read options from this TOML or INI file")->type_name("FILE");
    app_->config_formatter(file_);
  }
}

Command::Command(const Command* parent, CLI::App* app) : app_(app), parent_(parent) {
  app_->set_help_all_flag();
}

Command::~Command() = default;

CLI::Option* Command::Declare(const Spec& spec, std::string_view unit, std::string default_text,
                              Reader reader) {
  auto declared = std::make_unique<Declared>();
  declared->spec = spec;
  declared->unit = unit;
  declared->default_text = std::move(default_text);
  declared->reader = std::move(reader);
  std::string names = spec.positional ? spec.name : "--" + spec.name;
  if (spec.short_name != 0) names = absl::StrCat("-", std::string(1, spec.short_name), ",", names);
  // No callback: values are read after parsing, so that errors are statuses, not exceptions.
  CLI::Option* const option = app_->add_option(names, CLI::callback_t(), spec.help);
  option->type_name(spec.value)->required(spec.required)->allow_extra_args(false);
  option->default_str(declared->default_text);
  if (!spec.positional) {
    declared->environment = EnvironmentName(spec.name);
    option->envname(declared->environment);
  }
  if (spec.hidden) option->group("");
  declared->option = option;
  declared_.push_back(std::move(declared));
  return option;
}

Command& Command::AddCommand(std::string name, std::string description) {
  CLI::App* const app = app_->add_subcommand(std::move(name), std::move(description));
  commands_.push_back(std::unique_ptr<Command>(new Command(this, app)));
  return *commands_.back();
}

void Command::RequireCommand() { app_->require_subcommand(1); }

bool Command::chosen() const { return app_->parsed(); }

void Command::SetFooter(std::string text) { app_->footer(std::move(text)); }

const Command::Declared* Command::Find(std::string_view name) const {
  for (const auto& declared : declared_) {
    if (declared->spec.name == name) return declared.get();
  }
  return nullptr;
}

const Command* Command::FindCommand(std::string_view name) const {
  for (const auto& command : commands_) {
    if (command->app_->get_name() == name) return command.get();
  }
  return nullptr;
}

std::string Command::SourceOf(const Declared& declared, std::string_view text) const {
  const std::string environment = ValueOfEnvironment(declared.environment);
  if (!environment.empty() && environment.find(text) != std::string::npos) {
    return " (from " + declared.environment + ")";
  }
  const Command* program = this;
  while (program->parent_ != nullptr) program = program->parent_;
  if (program->file_ != nullptr && program->file_->Gave(&declared, text)) {
    return " (from " + program->file_->path() + ")";
  }
  return "";
}

absl::Status Command::ReadValues() const {
  for (const auto& declared : declared_) {
    const std::vector<std::string>& texts = declared->option->results();
    if (texts.empty()) continue;
    const absl::Status status = declared->reader(texts);
    if (!status.ok()) {
      return PosixError(
          EINVAL, absl::StrCat(declared->spec.positional ? "" : "--", declared->spec.name, ": ",
                               MessageOf(status), SourceOf(*declared, texts.back())));
    }
  }
  for (const auto& command : commands_) {
    if (command->chosen()) WEFT_RETURN_IF_ERROR(command->ReadValues());
  }
  return absl::OkStatus();
}

absl::StatusOr<Command::Outcome> Command::Parse(int argc, const char* const* argv,
                                                std::ostream& out) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    out << app_->help();
    return Outcome::kDone;
  } catch (const CLI::CallForAllHelp&) {
    out << Markdown();
    return Outcome::kDone;
  } catch (const CLI::CallForVersion& version) {
    out << version.what() << "\n";
    return Outcome::kDone;
  } catch (const CLI::Error& error) {
    return PosixError(EINVAL, error.what());
  }
  WEFT_RETURN_IF_ERROR(ReadValues());
  return Outcome::kRun;
}

std::optional<int> Command::ParseOrExitCode(int argc, const char* const* argv) {
  const absl::StatusOr<Outcome> outcome = Parse(argc, argv, std::cout);
  if (!outcome.ok()) {
    std::cerr << app_->get_name() << ": " << MessageOf(outcome.status()) << "\n"
              << "Try: " << app_->get_name() << " --help\n";
    return 1;
  }
  if (*outcome == Outcome::kDone) {
    std::cout.flush();
    return 0;
  }
  return std::nullopt;
}

std::string Command::Markdown() const {
  std::string out;
  AppendMarkdown(&out);
  return out;
}

void Command::AppendMarkdown(std::string* out) const {
  std::string rows;
  for (const auto& declared : declared_) {
    if (declared->spec.hidden) continue;
    const Spec& spec = declared->spec;
    const std::string name = spec.positional ? spec.name : absl::StrCat("--", spec.name);
    const std::string default_text = spec.required                    ? "required"
                                     : spec.varies                    ? "varies"
                                     : declared->default_text.empty() ? "none"
                                                                      : declared->default_text;
    absl::StrAppend(&rows, "| `", name, "` | ", Cell(spec.value), " | ", Cell(declared->unit),
                    " | ", Cell(default_text), " | ");
    if (!declared->environment.empty()) absl::StrAppend(&rows, "`", declared->environment, "`");
    absl::StrAppend(&rows, " | ", Cell(spec.help), " |\n");
  }
  std::string path = app_->get_name();
  for (const Command* above = parent_; above != nullptr; above = above->parent_) {
    path = absl::StrCat(above->app_->get_name(), " ", path);
  }
  if (!rows.empty()) {
    absl::StrAppend(out, out->empty() ? "" : "\n", "## ", path, "\n\n", app_->get_description(),
                    "\n\n| Option | Value | Unit | Default | Environment | Meaning |\n",
                    "|---|---|---|---|---|---|\n", rows);
  }
  for (const auto& command : commands_) command->AppendMarkdown(out);
}

}  // namespace weft::config
