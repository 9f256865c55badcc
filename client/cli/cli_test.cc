// The program as a whole: parsing, exit codes, help, completion. No server is needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "client/cli/admin_client.h"
#include "client/cli/command_tree.h"
#include "client/cli/commands.h"
#include "client/cli/completion.h"

namespace weft::cli {
namespace {

using ::testing::HasSubstr;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

Result Weft(std::vector<std::string> words) {
  words.insert(words.begin(), "weft");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  CommandTree tree;
  AddAllCommands(tree);
  std::ostringstream out;
  std::ostringstream err;
  const int code = tree.Main(static_cast<int>(argv.size()), argv.data(), out, err);
  return {code, out.str(), err.str()};
}

TEST(CliTest, EveryCommandHasHelpWithExamples) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"mount"},
                                             {"unmount"},
                                             {"status"},
                                             {"node", "list"},
                                             {"node", "add"},
                                             {"node", "ping"},
                                             {"target", "list"},
                                             {"df"},
                                             {"info"},
                                             {"locks"},
                                             {"layout", "get"},
                                             {"layout", "set"},
                                             {"bench"},
                                             {"completion", "bash"}}) {
    std::vector<std::string> words = command;
    words.push_back("--help");
    const Result result = Weft(words);
    EXPECT_EQ(result.code, kExitOk) << command.front();
    EXPECT_THAT(result.out, HasSubstr("Examples:\n  ")) << command.front();
    if (command.front() != "completion") EXPECT_THAT(result.out, HasSubstr("--json"));
  }
}

TEST(CliTest, WrongUseIsTold) {
  EXPECT_EQ(Weft({}).code, kExitUsage);
  const Result unknown = Weft({"nonsense"});
  EXPECT_EQ(unknown.code, kExitUsage);
  EXPECT_THAT(unknown.err, HasSubstr("nonsense"));
  EXPECT_EQ(Weft({"node"}).code, kExitUsage);
  EXPECT_EQ(Weft({"mount", "meta:7400"}).code, kExitUsage);
  EXPECT_EQ(Weft({"status", "--server", "nowhere"}).code, kExitUsage);
  const Result option = Weft({"mount", "meta:7400", "/mnt", "-o", "ro,what=1"});
  EXPECT_EQ(option.code, kExitUsage);
  EXPECT_THAT(option.err, HasSubstr("what=1"));
  EXPECT_EQ(Weft({"layout", "set", "/mnt"}).code, kExitUsage);
  const Result workload = Weft({"bench", "/tmp", "--workload", "sideways"});
  EXPECT_EQ(workload.code, kExitUsage);
  EXPECT_THAT(workload.err, HasSubstr("sideways"));
}

TEST(CliTest, AServerThatIsNotThereIsNamed) {
  const Result result = Weft({"status", "--server", "127.0.0.1:1"});
  EXPECT_EQ(result.code, kExitFailed);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(result.err, HasSubstr("is weft-metadata running there?"));
}

TEST(CliTest, PathsThatAreNotOnAMountAreTold) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"info", "/proc/self/status"},
                                             {"locks", "/proc/self/status"},
                                             {"layout", "get", "/proc"},
                                             {"layout", "set", "/proc", "--width", "3"}}) {
    const Result result = Weft(words);
    EXPECT_EQ(result.code, kExitFailed) << words.front();
    EXPECT_THAT(result.err, HasSubstr("not on a mount of WeftFS"));
  }
  EXPECT_THAT(Weft({"info", "/no/such/file"}).err, HasSubstr("No such file"));
}

TEST(CliTest, UnmountRefusesWhatIsNotOurs) {
  EXPECT_THAT(Weft({"unmount", "/proc"}).err, HasSubstr("/proc is not WeftFS but proc"));
  EXPECT_THAT(Weft({"unmount", "/usr/bin"}).err, HasSubstr("/usr/bin is not mounted"));
}

TEST(CliTest, SpaceOfAnyPath) {
  const Result result = Weft({"df", "/", "--json"});
  EXPECT_EQ(result.code, kExitOk);
  EXPECT_GT(Json::parse(result.out)["capacity_bytes"].get<uint64_t>(), 0u);
}

TEST(CliTest, ControlAddressesBecomeReachable) {
  EXPECT_EQ(ReachableAddress("0.0.0.0:7401", "meta:7400"), "meta:7401");
  EXPECT_EQ(ReachableAddress("[::]:7401", "[fe80::1]:7400"), "[fe80::1]:7401");
  EXPECT_EQ(ReachableAddress(":7401", "10.0.0.1:7400"), "10.0.0.1:7401");
  EXPECT_EQ(ReachableAddress("other:7401", "meta:7400"), "other:7401");
}

// What bash would offer for a line whose last word is being completed.
std::string Complete(const std::vector<std::string>& words) {
  std::string array;
  for (const std::string& word : words) array += "'" + word + "' ";
  const std::string script = Weft({"completion", "bash"}).out + "COMP_WORDS=(" + array +
                             "); COMP_CWORD=" + std::to_string(words.size() - 1) +
                             "; _weft_complete; echo \"${COMPREPLY[*]}\"";
  char path[] = "/tmp/weft-completion-test-XXXXXX";
  const int fd = ::mkstemp(path);
  if (fd < 0 || ::write(fd, script.data(), script.size()) < 0) return "no script";
  ::close(fd);
  std::FILE* const bash = ::popen(("bash " + std::string(path)).c_str(), "r");
  char line[4096] = {};
  if (bash == nullptr || std::fgets(line, sizeof(line), bash) == nullptr) line[0] = '\0';
  if (bash != nullptr) ::pclose(bash);
  ::unlink(path);
  return line;
}

TEST(CliTest, BashCompletesCommandsAndOptions) {
  EXPECT_EQ(Complete({"weft", "un"}), "unmount\n");
  EXPECT_EQ(Complete({"weft", "lo"}), "locks\n");
  EXPECT_EQ(Complete({"weft", "locks", "--js"}), "--json\n");
  EXPECT_EQ(Complete({"weft", "node", "a"}), "add\n");
  EXPECT_EQ(Complete({"weft", "node", "list", "--se"}), "--server\n");
  EXPECT_EQ(Complete({"weft", "--json", "layout", "set", "/mnt", "--ch"}), "--chunk-size\n");
  EXPECT_EQ(Complete({"weft", "mount", "--help-m"}), "\n");
}

}  // namespace
}  // namespace weft::cli
