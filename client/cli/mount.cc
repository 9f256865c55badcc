// weft mount: see mount_runner.h.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/mount_options.h"
#include "client/cli/mount_runner.h"
#include "client/cli/output.h"
#include "common/status.h"

namespace weft::cli {
namespace {

struct MountArguments {
  std::string server;
  std::string mount_point;
  bool foreground = false;
  std::vector<std::string> options;
  bool json = false;
};

absl::Status Mount(const MountArguments& arguments, std::ostream& out) {
  MountSettings settings;
  const absl::Status read = ReadMountOptions(arguments.options, UnknownOptions::kRefuse, &settings);
  if (!read.ok()) return UsageError(MessageOf(read));
  const RunIn where = arguments.foreground ? RunIn::kForeground : RunIn::kBackground;
  const absl::Status status =
      RunMount(arguments.server, arguments.mount_point, where, std::move(settings));
  if (!status.ok()) return Annotate(status, "mount " + arguments.server);
  if (arguments.json && !arguments.foreground) {
    PrintJson({{"server", arguments.server}, {"mount_point", arguments.mount_point}}, out);
  }
  return absl::OkStatus();
}

}  // namespace

void AddMountCommand(CommandTree& tree) {
  auto arguments = std::make_shared<MountArguments>();
  config::Command& command = tree.Add(
      tree.program(), "mount", "Mount the file system; returns when it can be used",
      "  weft mount meta1:7400 /mnt/weft\n"
      "  weft mount meta1:7400 /mnt/weft -o ro,attr_timeout=5s,io_timeout=2m\n"
      "  weft mount meta1:7400 /mnt/weft -f -o log_level=debug    stays in the foreground\n"
      "  in /etc/fstab: meta1:7400 /mnt/weft weft _netdev 0 0\n\n" +
          MountOptionsHelp(),
      [arguments](std::ostream& out) { return Mount(*arguments, out); });
  command.AddText({.name = "SERVER",
                   .value = "HOST:PORT",
                   .help = "Wire address of the metadata-server",
                   .required = true,
                   .positional = true},
                  &arguments->server);
  command.AddText({.name = "MOUNTPOINT",
                   .value = "DIRECTORY",
                   .help = "Where to mount",
                   .required = true,
                   .positional = true},
                  &arguments->mount_point);
  command.AddFlag({.name = "foreground",
                   .help = "Stay, and log to stderr; SIGTERM unmounts",
                   .short_name = 'f'},
                  &arguments->foreground);
  command.AddList({.name = "options",
                   .value = "OPTIONS",
                   .help = "Mount options, separated by commas",
                   .short_name = 'o'},
                  &arguments->options);
  AddJsonFlag(command, &arguments->json);
}

}  // namespace weft::cli
