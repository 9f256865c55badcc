#include "client/cli/mount_helper.h"

#include <getopt.h>

#include <cerrno>
#include <utility>

#include "client/cli/mount_options.h"
#include "client/cli/mount_runner.h"
#include "common/status.h"

namespace weft::cli {
namespace {

constexpr char kName[] = "mount.weft";
// Exit codes of mount(8).
constexpr int kOk = 0;
constexpr int kIncorrectCall = 1;
constexpr int kMountFailure = 32;

absl::Status Usage(const std::string& problem) {
  return PosixError(EINVAL,
                    problem + " (usage: mount.weft SERVER MOUNTPOINT [-sfnv] [-o OPTIONS])");
}

}  // namespace

bool IsMountHelper(std::string_view program) {
  return program.substr(program.rfind('/') + 1) == kName;
}

absl::StatusOr<HelperArguments> ParseHelperArguments(int argc, char** argv) {
  HelperArguments arguments;
  opterr = 0;  // getopt writes nothing by itself
  optind = 0;  // starts afresh
  for (int option; (option = ::getopt(argc, argv, "sfnvo:t:")) != -1;) {
    switch (option) {
      case 's':
        arguments.sloppy = true;
        break;
      case 'f':
        arguments.fake = true;
        break;
      case 'n':  // no mtab is written anyway
      case 'v':
      case 't':
        break;
      case 'o':
        for (std::string& word : SplitOptions(optarg)) {
          arguments.options.push_back(std::move(word));
        }
        break;
      default:
        return Usage(std::string("unknown option -") + static_cast<char>(optopt));
    }
  }
  if (argc - optind != 2) return Usage("want a server and a mount point");
  arguments.server = argv[optind];
  arguments.mount_point = argv[optind + 1];
  return arguments;
}

int MountHelperMain(int argc, char** argv, std::ostream& err) {
  const absl::StatusOr<HelperArguments> arguments = ParseHelperArguments(argc, argv);
  absl::Status status = arguments.status();
  MountSettings settings;
  if (status.ok()) {
    status = ReadMountOptions(arguments->options,
                              arguments->sloppy ? UnknownOptions::kIgnore : UnknownOptions::kRefuse,
                              &settings);
  }
  if (!status.ok()) {
    err << kName << ": " << MessageOf(status) << "\n";
    return kIncorrectCall;
  }
  if (arguments->fake) return kOk;
  status =
      RunMount(arguments->server, arguments->mount_point, RunIn::kBackground, std::move(settings));
  if (status.ok()) return kOk;
  err << kName << ": " << MessageOf(status) << "\n";
  return kMountFailure;
}

}  // namespace weft::cli
