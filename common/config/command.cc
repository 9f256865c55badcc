#include "common/config/command.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "common/config/units.h"
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

absl::Status NotAllowed(std::string_view text, std::string_view allowed) {
  return PosixError(EINVAL,
                    absl::StrCat("\"", std::string(text), "\" is not ", std::string(allowed)));
}

std::string RangeText(const std::string& min, const std::string& max, bool has_max) {
  return has_max ? absl::StrCat(" from ", min, " to ", max) : absl::StrCat(" of at least ", min);
}

bool IsAddress(std::string_view text, bool any_port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos) return false;
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  return error == std::errc() && stop == end && (any_port || port != 0);
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

void Command::AddText(const Spec& spec, std::string* value) {
  Spec named = spec;
  if (named.value.empty()) named.value = "TEXT";
  Declare(named, "", *value, [value](const std::vector<std::string>& texts) {
    *value = texts.back();
    return absl::OkStatus();
  });
}

void Command::AddList(const Spec& spec, std::vector<std::string>* values) {
  Spec named = spec;
  if (named.value.empty()) named.value = "TEXT";
  Declare(named, "", absl::StrJoin(*values, ","),
          [values](const std::vector<std::string>& texts) {
            *values = texts;
            return absl::OkStatus();
          })
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->delimiter(',');
}

void Command::AddFlag(const Spec& spec, bool* value) {
  CLI::Option* const option =
      Declare(spec, "", *value ? "true" : "false", [value](const std::vector<std::string>& texts) {
        const std::string& text = texts.back();
        const bool on = text == "true" || text == "1" || text == "yes" || text == "on";
        const bool off = text == "false" || text == "0" || text == "no" || text == "off";
        if (!on && !off) return NotAllowed(text, "one of true, false, yes, no, on, off, 1, 0");
        *value = on;
        return absl::OkStatus();
      });
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->expected(0);
  if (!*value) option->default_str("");
}

void Command::AddChoice(const Spec& spec, std::vector<std::string> allowed, std::string* value) {
  Spec named = spec;
  if (named.value.empty()) named.value = absl::StrJoin(allowed, "|");
  Declare(named, "", *value,
          [value, allowed = std::move(allowed)](const std::vector<std::string>& texts) {
            for (const std::string& choice : allowed) {
              if (texts.back() != choice) continue;
              *value = choice;
              return absl::OkStatus();
            }
            return NotAllowed(texts.back(), "one of " + absl::StrJoin(allowed, ", "));
          });
}

template <typename Int>
void Command::DeclareNumber(const Spec& spec, Bounds<Int> bounds, Int* value) {
  Spec named = spec;
  if (named.value.empty()) named.value = "N";
  Declare(
      named, "", std::to_string(*value), [value, bounds](const std::vector<std::string>& texts) {
        const std::string& text = texts.back();
        const char* const end = text.data() + text.size();
        Int number = 0;
        const auto [stop, error] = std::from_chars(text.data(), end, number);
        if (error != std::errc() || stop != end || number < bounds.min || number > bounds.max) {
          return NotAllowed(
              text,
              "a whole number" + RangeText(std::to_string(bounds.min), std::to_string(bounds.max),
                                           bounds.max != std::numeric_limits<Int>::max()));
        }
        *value = number;
        return absl::OkStatus();
      });
}

void Command::AddNumber(const Spec& spec, Bounds<uint32_t> bounds, uint32_t* value) {
  DeclareNumber(spec, bounds, value);
}

void Command::AddNumber(const Spec& spec, Bounds<uint64_t> bounds, uint64_t* value) {
  DeclareNumber(spec, bounds, value);
}

void Command::AddSize(const Spec& spec, Bounds<uint64_t> bounds, uint64_t* bytes) {
  Spec named = spec;
  if (named.value.empty()) named.value = "SIZE";
  Declare(named, "bytes", FormatSize(*bytes),
          [bytes, bounds](const std::vector<std::string>& texts) {
            const absl::StatusOr<uint64_t> size = ParseSize(texts.back());
            if (!size.ok()) return NotAllowed(texts.back(), kSizeSyntax);
            if (*size < bounds.min || *size > bounds.max) {
              return NotAllowed(texts.back(),
                                "a size" + RangeText(FormatSize(bounds.min), FormatSize(bounds.max),
                                                     bounds.max != UINT64_MAX));
            }
            *bytes = *size;
            return absl::OkStatus();
          });
}

void Command::AddDuration(const Spec& spec, DurationBounds bounds,
                          std::chrono::milliseconds* duration) {
  const bool has_max = bounds.max != std::chrono::milliseconds::max();
  Spec named = spec;
  if (named.value.empty()) named.value = "DURATION";
  Declare(named, "time", FormatDuration(*duration),
          [duration, bounds, has_max](const std::vector<std::string>& texts) {
            const auto value = ParseDuration(texts.back());
            if (!value.ok()) return NotAllowed(texts.back(), kDurationSyntax);
            if (*value < bounds.min || *value > bounds.max) {
              return NotAllowed(texts.back(),
                                "a duration" + RangeText(FormatDuration(bounds.min),
                                                         FormatDuration(bounds.max), has_max));
            }
            *duration = *value;
            return absl::OkStatus();
          });
}

void Command::AddAddress(const Spec& spec, Port port, std::string* address) {
  Spec named = spec;
  if (named.value.empty()) named.value = "HOST:PORT";
  const bool any_port = port == Port::kAny;
  Declare(named, "", *address, [address, any_port](const std::vector<std::string>& texts) {
    if (!IsAddress(texts.back(), any_port)) {
      return NotAllowed(texts.back(), any_port
                                          ? "host:port with a port from 0 (any free one) to 65535"
                                          : "host:port with a port from 1 to 65535");
    }
    *address = texts.back();
    return absl::OkStatus();
  });
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
  if (ValueOfEnvironment(declared.environment).find(text) != std::string::npos) {
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
