#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "common/config/command.h"
#include "common/config/units.h"
#include "common/status.h"
#include "common/version.h"

namespace weft::config {
namespace {

using std::chrono::milliseconds;
using ::testing::Test;

TEST(Units, SizesAreReadAndWritten) {
  const std::map<std::string, uint64_t> good = {{"0", 0},
                                                {"4096", 4096},
                                                {"1k", 1024},
                                                {"64M", 64ull << 20},
                                                {"64MiB", 64 << 20},
                                                {"1GiB", 1ull << 30},
                                                {"2tib", 2ull << 40},
                                                {"3P", 3ull << 50},
                                                {"10B", 10}};
  for (const auto& [text, bytes] : good) {
    const auto parsed = ParseSize(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, bytes) << text;
    EXPECT_EQ(ParseSize(FormatSize(bytes)).value(), bytes) << text;
  }
  for (const char* bad : {"", "x", "-1", "1 K", "1MB", "1.5G", "K", "99999999P", "1KiBx"}) {
    EXPECT_FALSE(ParseSize(bad).ok()) << bad;
  }
  EXPECT_EQ(FormatSize(64 << 20), "64MiB");
  EXPECT_EQ(FormatSize(1500), "1500");
}

TEST(Units, DurationsAreReadAndWritten) {
  const std::map<std::string, int64_t> good = {
      {"0", 0}, {"100ms", 100}, {"5s", 5000}, {"2m", 120'000}, {"1h", 3'600'000}, {"1500ms", 1500}};
  for (const auto& [text, ms] : good) {
    const auto parsed = ParseDuration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed->count(), ms) << text;
    EXPECT_EQ(ParseDuration(FormatDuration(milliseconds(ms))).value().count(), ms) << text;
  }
  for (const char* bad : {"", "5", "s", "-5s", "1.5s", "5 s", "5sec", "9999999999999999999h"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
  EXPECT_EQ(FormatDuration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(FormatDuration(milliseconds(5000)), "5s");
}

// A program with one option of each kind.
class CommandTest : public Test {
 protected:
  struct Values {
    std::vector<std::string> data;
    std::string name = "n1";
    std::string level = "info";
    std::string listen = "127.0.0.1:7410";
    uint32_t workers = 4;
    uint64_t capacity = 64 << 20;
    milliseconds patience{5000};
    bool verbose = false;
    std::string host = "some-machine";
    std::string source;
    std::string options;
  };

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    for (const std::string& name : environment_) unsetenv(name.c_str());
    std::filesystem::remove_all(directory_);
  }

  void SetEnvironment(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), /*overwrite=*/1);
    environment_.push_back(name);
  }

  std::string WriteFile(const std::string& text) {
    const std::string path = directory_ / "weft.toml";
    std::ofstream(path) << text;
    return path;
  }

  // Parses into `values_` with a fresh program; the text that went out is in `out_`.
  absl::StatusOr<Command::Outcome> Parse(const std::vector<std::string>& arguments) {
    values_ = Values();
    Command program("weft-test", "A program for tests.");
    program.AddList({.name = "data", .value = "DIR", .help = "Where | it lies."}, &values_.data);
    program.AddText({.name = "name", .help = "Who it is.", .short_name = 'n'}, &values_.name);
    program.AddChoice({.name = "log-level", .help = "How much."}, {"debug", "info"},
                      &values_.level);
    program.AddAddress({.name = "listen", .help = "Where."}, Command::Port::kAny, &values_.listen);
    program.AddNumber({.name = "workers", .help = "How many."}, Bounds<uint32_t>{1, 64},
                      &values_.workers);
    program.AddSize({.name = "capacity", .help = "How large."}, {.min = 1024}, &values_.capacity);
    program.AddDuration({.name = "patience", .help = "How long."},
                        {milliseconds(1), milliseconds(60'000)}, &values_.patience);
    program.AddFlag({.name = "verbose", .help = "Say more."}, &values_.verbose);
    program.AddText({.name = "host", .help = "Where.", .varies = true}, &values_.host);
    program.AddFlag({.name = "secret", .help = "For us.", .hidden = true}, &secret_);
    Command& mount = program.AddCommand("mount", "Mounts.");
    mount.AddText({.name = "source",
                   .value = "SERVER",
                   .help = "What.",
                   .required = true,
                   .positional = true},
                  &values_.source);
    mount.AddText({.name = "options", .help = "How.", .short_name = 'o'}, &values_.options);
    std::vector<const char*> argv = {"weft-test"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    std::ostringstream out;
    auto outcome = program.Parse(static_cast<int>(argv.size()), argv.data(), out);
    out_ = out.str();
    mount_chosen_ = mount.chosen();
    return outcome;
  }

  // The text of the error that Parse must give.
  std::string ErrorOf(const std::vector<std::string>& arguments) {
    const auto outcome = Parse(arguments);
    EXPECT_FALSE(outcome.ok());
    return outcome.ok() ? "" : MessageOf(outcome.status());
  }

  std::filesystem::path directory_;
  std::vector<std::string> environment_;
  Values values_;
  std::string out_;
  bool secret_ = false;
  bool mount_chosen_ = false;
};

TEST_F(CommandTest, DefaultsStayWhereNothingIsGiven) {
  ASSERT_EQ(Parse({}).value(), Command::Outcome::kRun);
  EXPECT_TRUE(values_.data.empty());
  EXPECT_EQ(values_.name, "n1");
  EXPECT_EQ(values_.capacity, 64u << 20);
  EXPECT_FALSE(values_.verbose);
  EXPECT_FALSE(mount_chosen_);
}

TEST_F(CommandTest, FlagsOfEveryKind) {
  ASSERT_TRUE(
      Parse({"--data", "/a", "--data=/b,/c", "-n", "n2", "--log-level", "debug", "--listen=[::1]:0",
             "--workers=8", "--capacity", "1GiB", "--patience", "100ms", "--verbose"})
          .ok());
  EXPECT_EQ(values_.data, (std::vector<std::string>{"/a", "/b", "/c"}));
  EXPECT_EQ(values_.name, "n2");
  EXPECT_EQ(values_.level, "debug");
  EXPECT_EQ(values_.listen, "[::1]:0");
  EXPECT_EQ(values_.workers, 8u);
  EXPECT_EQ(values_.capacity, 1u << 30);
  EXPECT_EQ(values_.patience, milliseconds(100));
  EXPECT_TRUE(values_.verbose);
}

TEST_F(CommandTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const std::string file = WriteFile(
      "# a comment\nname = \"from-file\"\nworkers = 7\ncapacity = 2M\ndata = [\"/x\", \"/y\"]\n"
      "verbose = true\n");
  SetEnvironment("WEFT_NAME", "from-environment");
  SetEnvironment("WEFT_WORKERS", "6");
  ASSERT_TRUE(Parse({"--config", file, "--workers", "5"}).ok());
  EXPECT_EQ(values_.workers, 5u);
  EXPECT_EQ(values_.name, "from-environment");
  EXPECT_EQ(values_.capacity, 2u << 20);
  EXPECT_EQ(values_.data, (std::vector<std::string>{"/x", "/y"}));
  EXPECT_TRUE(values_.verbose);
  EXPECT_EQ(values_.patience, milliseconds(5000));
}

TEST_F(CommandTest, ListsAndFlagsFromTheEnvironment) {
  SetEnvironment("WEFT_DATA", "/a,/b");
  SetEnvironment("WEFT_VERBOSE", "yes");
  ASSERT_TRUE(Parse({}).ok());
  EXPECT_EQ(values_.data, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_TRUE(values_.verbose);
}

TEST_F(CommandTest, BadValuesNameOptionValueAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf({"--workers", "many"}),
            "--workers: \"many\" is not a whole number from 1 to 64");
  EXPECT_EQ(ErrorOf({"--workers", "65"}), "--workers: \"65\" is not a whole number from 1 to 64");
  EXPECT_EQ(ErrorOf({"--workers", "-1"}), "--workers: \"-1\" is not a whole number from 1 to 64");
  EXPECT_EQ(ErrorOf({"--workers", ""}), "--workers: \"\" is not a whole number from 1 to 64");
  EXPECT_EQ(ErrorOf({"--capacity", "1MB"}),
            "--capacity: \"1MB\" is not a size in bytes such as 4096, 64K, 64M, 1GiB");
  EXPECT_EQ(ErrorOf({"--capacity", "1"}), "--capacity: \"1\" is not a size of at least 1KiB");
  EXPECT_EQ(ErrorOf({"--patience", "5"}),
            "--patience: \"5\" is not a duration such as 100ms, 5s, 2m, 1h");
  EXPECT_EQ(ErrorOf({"--patience", "2h"}), "--patience: \"2h\" is not a duration from 1ms to 1m");
  EXPECT_EQ(ErrorOf({"--log-level", "loud"}), "--log-level: \"loud\" is not one of debug, info");
  for (const char* address : {"host", ":1", "host:", "host:65536", "a:b:1", "host:1x"}) {
    EXPECT_NE(ErrorOf({"--listen", address}).find("is not host:port"), std::string::npos)
        << address;
  }
}

TEST_F(CommandTest, BadValuesNameWhereTheyCameFrom) {
  const std::string file = WriteFile("workers = 99\n");
  EXPECT_EQ(ErrorOf({"--config", file}),
            "--workers: \"99\" is not a whole number from 1 to 64 (from " + file + ")");
  SetEnvironment("WEFT_WORKERS", "lots");
  EXPECT_EQ(ErrorOf({}),
            "--workers: \"lots\" is not a whole number from 1 to 64 (from WEFT_WORKERS)");
  SetEnvironment("WEFT_VERBOSE", "maybe");
  ASSERT_FALSE(Parse({"--workers=3"}).ok());
}

TEST_F(CommandTest, UnknownKeysAndSectionsOfTheFileAreErrors) {
  const std::string file = WriteFile("wokers = 3\n");
  EXPECT_EQ(ErrorOf({"--config", file}), "unknown key \"wokers\" in " + file);
  WriteFile("[mount]\nopts = \"ro\"\n");
  EXPECT_EQ(ErrorOf({"--config", file}), "unknown key \"mount.opts\" in " + file);
  WriteFile("[mnt]\noptions = \"ro\"\n");
  EXPECT_EQ(ErrorOf({"--config", file}), "unknown section \"mnt\" in " + file);
  WriteFile("some words\n");
  EXPECT_EQ(ErrorOf({"--config", file}), "unknown key \"some words\" in " + file);
}

TEST_F(CommandTest, MissingFileAndUnknownFlagsAreErrors) {
  const std::string missing = directory_ / "none.toml";
  EXPECT_NE(ErrorOf({"--config", missing}).find(missing), std::string::npos);
  EXPECT_NE(ErrorOf({"--wokers", "3"}).find("--wokers"), std::string::npos);
  EXPECT_NE(ErrorOf({"--workers"}).find("--workers"), std::string::npos);
  EXPECT_NE(ErrorOf({"stray"}).find("stray"), std::string::npos);
  EXPECT_NE(ErrorOf({"--workers=1", "--workers=2"}).find("--workers"), std::string::npos);
}

TEST_F(CommandTest, SubcommandsHaveOptionsOfTheirOwn) {
  const std::string file = WriteFile("name = \"n3\"\n[mount]\noptions = \"ro\"\n");
  ASSERT_TRUE(Parse({"--config", file, "mount", "server:7400"}).ok());
  EXPECT_TRUE(mount_chosen_);
  EXPECT_EQ(values_.source, "server:7400");
  EXPECT_EQ(values_.options, "ro");
  EXPECT_EQ(values_.name, "n3");
  EXPECT_NE(ErrorOf({"mount"}).find("source"), std::string::npos);
  // A section is not a command: it only sets options.
  ASSERT_TRUE(Parse({"--config", file}).ok());
  EXPECT_FALSE(mount_chosen_);
}

TEST_F(CommandTest, HelpAndVersionAreDoneAndNeedNothingElse) {
  ASSERT_EQ(Parse({"--help"}).value(), Command::Outcome::kDone);
  EXPECT_NE(out_.find("--patience"), std::string::npos) << out_;
  EXPECT_NE(out_.find("WEFT_PATIENCE"), std::string::npos) << out_;
  EXPECT_NE(out_.find("5s"), std::string::npos) << out_;
  EXPECT_EQ(out_.find("--secret"), std::string::npos) << out_;
  EXPECT_EQ(out_.find("--help-markdown"), std::string::npos) << out_;
  ASSERT_EQ(Parse({"--version"}).value(), Command::Outcome::kDone);
  EXPECT_EQ(out_, std::string("weft-test ") + kVersion + "\n");
  ASSERT_EQ(Parse({"mount", "--help"}).value(), Command::Outcome::kDone);
  EXPECT_NE(out_.find("--options"), std::string::npos) << out_;
}

TEST_F(CommandTest, MarkdownHasOneRowForEachOption) {
  ASSERT_EQ(Parse({"--help-markdown"}).value(), Command::Outcome::kDone);
  EXPECT_NE(out_.find("| `--capacity` | SIZE | bytes | 64MiB | `WEFT_CAPACITY` | How large. |\n"),
            std::string::npos)
      << out_;
  EXPECT_NE(out_.find("| `--host` | TEXT |  | varies | `WEFT_HOST` | Where. |\n"),
            std::string::npos)
      << out_;
  EXPECT_NE(out_.find("Where \\| it lies."), std::string::npos) << out_;
  EXPECT_NE(out_.find("## weft-test mount\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("| `source` | SERVER |  | required |  | What. |\n"), std::string::npos)
      << out_;
  EXPECT_EQ(out_.find("secret"), std::string::npos) << out_;
}

}  // namespace
}  // namespace weft::config
