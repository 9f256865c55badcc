// The options of a program or of one of its subcommands: each declared once, with name, unit,
// default, help and bounds, and read from the command line, the environment and a file. A layer
// over CLI11, which does the parsing.
//
// An option "log-level" is the flag --log-level, the environment's WEFT_LOG_LEVEL, and the key
// log-level of the file that --config names (TOML or INI; a subcommand's options stand in a section
// of its name). A flag beats the environment, the environment beats the file, the file beats the
// default. --help, --version and the hidden --help-markdown are there for every program.
//
// Declaring an option takes a pointer to its value, which holds the default and must outlive the
// Command; values change only if Parse succeeds in reading them. Not thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace weft::config {

// What people see of an option.
struct Spec {
  std::string name;   // "log-level"; of a positional argument: "FILE"
  std::string value;  // what the value is: "DIR"; made up from the kind where empty
  std::string help;   // one sentence
  char short_name = 0;
  bool required = false;
  bool positional = false;  // an argument without a flag; not in the environment or the file
  bool hidden = false;      // not in --help
  bool varies = false;      // the default is this machine's: the documentation does not print it
};

template <typename T>
struct Bounds {
  T min = T{};
  T max = std::numeric_limits<T>::max();
};

struct DurationBounds {
  std::chrono::milliseconds min{0};
  std::chrono::milliseconds max = std::chrono::milliseconds::max();
};

class Command {
 public:
  // A program. With `has_config_file` it takes --config.
  enum class ConfigFile { kNo, kYes };
  Command(std::string name, std::string description, ConfigFile config_file = ConfigFile::kYes);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Options. Declaring a name twice is a bug and ends the process.
  void AddText(const Spec& spec, std::string* value);
  // Repeatable; several values in one are separated by commas. Replaces what is in `*values`.
  void AddList(const Spec& spec, std::vector<std::string>* values);
  void AddFlag(const Spec& spec, bool* value);
  void AddChoice(const Spec& spec, std::vector<std::string> allowed, std::string* value);
  void AddNumber(const Spec& spec, Bounds<uint32_t> bounds, uint32_t* value);
  void AddNumber(const Spec& spec, Bounds<uint64_t> bounds, uint64_t* value);
  void AddSize(const Spec& spec, Bounds<uint64_t> bounds, uint64_t* bytes);
  void AddDuration(const Spec& spec, DurationBounds bounds, std::chrono::milliseconds* duration);
  // "host:port". The host is not looked up; port 0 is refused unless `any_port`.
  enum class Port { kReal, kAny };
  void AddAddress(const Spec& spec, Port port, std::string* address);

  // Subcommands. The reference lives as long as this.
  Command& AddCommand(std::string name, std::string description);
  // Parsing fails where no subcommand is named.
  void RequireCommand();
  // This subcommand was named on the command line.
  [[nodiscard]] bool chosen() const;
  // Shown below the options in --help: examples.
  void SetFooter(std::string text);
  // For what this layer has no words for.
  [[nodiscard]] CLI::App& app() { return *app_; }

  enum class Outcome {
    kRun,   // go on
    kDone,  // help or the version went to `out`: exit with 0
  };
  // EINVAL: what is wrong, naming the option or key, the value, where it came from and what is
  // allowed.
  [[nodiscard]] absl::StatusOr<Outcome> Parse(int argc, const char* const* argv, std::ostream& out);
  // The same for main: nothing to go on with is the exit code (1 after an error, which stands on
  // stderr).
  [[nodiscard]] std::optional<int> ParseOrExitCode(int argc, const char* const* argv);

  // All options that are not hidden, as Markdown tables, for the documentation.
  [[nodiscard]] std::string Markdown() const;

 private:
  struct Declared;
  class File;

  // Reads one or more texts into the option's value; the error's text says only what is allowed.
  using Reader = std::function<absl::Status(const std::vector<std::string>& texts)>;

  Command(const Command* parent, CLI::App* app);
  CLI::Option* Declare(const Spec& spec, std::string_view unit, std::string default_text,
                       Reader reader);
  template <typename Int>
  void DeclareNumber(const Spec& spec, Bounds<Int> bounds, Int* value);
  [[nodiscard]] absl::Status ReadValues() const;
  [[nodiscard]] std::string SourceOf(const Declared& declared, std::string_view text) const;
  [[nodiscard]] const Declared* Find(std::string_view name) const;
  [[nodiscard]] const Command* FindCommand(std::string_view name) const;
  [[nodiscard]] bool IsProgram() const { return program_ != nullptr; }
  void AppendMarkdown(std::string* out) const;

  std::unique_ptr<CLI::App> program_;  // of the program only; subcommands belong to their parents
  CLI::App* app_;
  const Command* parent_ = nullptr;
  std::vector<std::unique_ptr<Declared>> declared_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::shared_ptr<File> file_;  // of the program only
};

}  // namespace weft::config
