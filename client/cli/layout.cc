// weft layout get|set: how new files below a directory store their content.
#include <absl/strings/str_cat.h>

#include <memory>

#include "client/cli/commands.h"
#include "client/cli/mount_xattrs.h"
#include "client/cli/output.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/config/units.h"
#include "common/status.h"

namespace weft::cli {
namespace {

struct LayoutOptions {
  std::string path;
  bool json = false;
  // As typed; empty: stays as it is.
  std::string chunk_size;
  std::string width;
  std::string pool;
  std::string inline_max;
};

absl::Status Show(const LayoutOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const Json layout, ReadMountXattr(options.path, fuse::kLayoutXattr));
  if (options.json) {
    PrintJson(layout, out);
    return absl::OkStatus();
  }
  out << "chunk size  " << HumanBytes(NumberIn(layout, "chunk_bytes")) << "\n"
      << "width       " << NumberIn(layout, "width") << " (groups that one file is spread over)\n"
      << "pool        " << NumberIn(layout, "pool") << "\n"
      << "inline max  " << HumanBytes(NumberIn(layout, "inline_max_bytes"))
      << " (smaller files live in the metadata-server)\n";
  return absl::OkStatus();
}

absl::Status AddChange(const char* option, const char* key, const std::string& text,
                       Json* changes) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> number = config::ParseSize(text);
  if (!number.ok()) {
    return UsageError(absl::StrCat("--", option, ": \"", text, "\" is not ", config::kSizeSyntax));
  }
  (*changes)[key] = *number;
  return absl::OkStatus();
}

absl::Status Set(const LayoutOptions& options, std::ostream& out) {
  Json changes = Json::object();
  WEFT_RETURN_IF_ERROR(AddChange("chunk-size", "chunk_bytes", options.chunk_size, &changes));
  WEFT_RETURN_IF_ERROR(AddChange("width", "width", options.width, &changes));
  WEFT_RETURN_IF_ERROR(AddChange("pool", "pool", options.pool, &changes));
  WEFT_RETURN_IF_ERROR(AddChange("inline-max", "inline_max_bytes", options.inline_max, &changes));
  if (changes.empty()) {
    return UsageError("name what to change: --chunk-size, --width, --pool or --inline-max");
  }
  WEFT_RETURN_IF_ERROR(WriteMountXattr(options.path, fuse::kLayoutXattr, changes));
  return Show(options, out);
}

void AddCommonOptions(config::Command& command, LayoutOptions* options) {
  command.AddText({.name = "PATH",
                   .value = "PATH",
                   .help = "A path on a mount",
                   .required = true,
                   .positional = true},
                  &options->path);
  AddJsonFlag(command, &options->json);
}

}  // namespace

void AddLayoutCommands(CommandTree& tree) {
  config::Command& group = tree.AddGroup("layout", "How files are stored: get, set");

  auto get_options = std::make_shared<LayoutOptions>();
  config::Command& get =
      tree.Add(group, "get", "Show the layout of a file, or that of new files in a directory",
               "  weft layout get /mnt/weft/checkpoints\n",
               [get_options](std::ostream& out) { return Show(*get_options, out); });
  AddCommonOptions(get, get_options.get());

  auto options = std::make_shared<LayoutOptions>();
  config::Command& set =
      tree.Add(group, "set", "Change the layout of new files and directories in a directory",
               "  weft layout set /mnt/weft/checkpoints --chunk-size 4MiB --width 128\n"
               "  weft layout set /mnt/weft/samples --inline-max 64KiB\n",
               [options](std::ostream& out) { return Set(*options, out); });
  AddCommonOptions(set, options.get());
  set.AddText({.name = "chunk-size", .value = "SIZE", .help = "A power of two, 64KiB to 64MiB"},
              &options->chunk_size);
  set.AddText({.name = "width", .value = "N", .help = "Groups that one file is spread over"},
              &options->width);
  set.AddText({.name = "pool", .value = "N", .help = "The pool that holds the chunks"},
              &options->pool);
  set.AddText({.name = "inline-max",
               .value = "SIZE",
               .help = "Files up to this size live in the metadata-server; at most 64KiB"},
              &options->inline_max);
}

}  // namespace weft::cli
