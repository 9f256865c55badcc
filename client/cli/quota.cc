// weft quota set|get|list|remove: limits of what a directory tree may use.
#include <absl/strings/str_cat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/mount_xattrs.h"
#include "client/cli/output.h"
#include "client/fuse/quota_xattrs.h"
#include "common/config/units.h"
#include "common/status.h"

namespace weft::cli {
namespace {

struct QuotaOptions {
  std::string path;
  bool json = false;
  // As typed; empty: stays as it is.
  std::string bytes;
  std::string inodes;
};

std::string Limit(uint64_t limit, bool is_bytes) {
  if (limit == 0) return "none";
  return is_bytes ? HumanBytes(limit) : std::to_string(limit);
}

std::string UsedOf(uint64_t used, uint64_t limit) {
  return limit == 0 ? "-" : UsedPercent(limit, limit > used ? limit - used : 0);
}

// Paths are those from the root of the file system.
void Print(const Json& quotas, std::ostream& out) {
  Table table({"DIRECTORY", "STATE", "USED", "LIMIT", "USE%", "INODES", "LIMIT", "USE%"});
  for (const Json& quota : quotas) {
    const std::string path = TextIn(quota, "path");
    const uint64_t used_bytes = NumberIn(quota, "used_bytes");
    const uint64_t limit_bytes = NumberIn(quota, "limit_bytes");
    const uint64_t used_inodes = NumberIn(quota, "used_inodes");
    const uint64_t limit_inodes = NumberIn(quota, "limit_inodes");
    table.AddRow({path.empty() ? absl::StrCat("inode ", NumberIn(quota, "inode")) : path,
                  TextIn(quota, "state"), HumanBytes(used_bytes), Limit(limit_bytes, true),
                  UsedOf(used_bytes, limit_bytes), std::to_string(used_inodes),
                  Limit(limit_inodes, false), UsedOf(used_inodes, limit_inodes)});
  }
  table.Print(out);
}

absl::StatusOr<Json> QuotasIn(const std::string& path, const Json& answer) {
  const auto quotas = answer.find("quotas");
  if (quotas == answer.end() || !quotas->is_array()) {
    return PosixError(EPROTO, path + ": the mount's answer is not understood");
  }
  return *quotas;
}

absl::Status Get(const QuotaOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const Json answer, ReadMountXattr(options.path, fuse::kQuotaXattr));
  WEFT_ASSIGN_OR_RETURN(const Json quotas, QuotasIn(options.path, answer));
  if (options.json) {
    PrintJson(answer, out);
  } else if (quotas.empty()) {
    out << options.path << ": no quota, nor above it\n";
  } else {
    Print(quotas, out);
  }
  return absl::OkStatus();
}

absl::Status List(const QuotaOptions& options, std::ostream& out) {
  Json all = Json::array();
  uint64_t after = 0;
  do {
    WEFT_ASSIGN_OR_RETURN(
        const Json page,
        ReadMountXattr(options.path, absl::StrCat(fuse::kQuotasXattrPrefix, after)));
    WEFT_ASSIGN_OR_RETURN(const Json quotas, QuotasIn(options.path, page));
    for (const Json& quota : quotas) all.push_back(quota);
    after = NumberIn(page, "next_after");
  } while (after != 0);
  if (options.json) {
    PrintJson({{"quotas", all}}, out);
  } else {
    Print(all, out);
  }
  return absl::OkStatus();
}

absl::Status AddLimit(const char* option, const char* key, const std::string& text, Json* limits) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> number =
      text == "none" ? absl::StatusOr<uint64_t>(0) : config::ParseSize(text);
  if (!number.ok()) {
    return UsageError(
        absl::StrCat("--", option, ": \"", text, "\" is not none or ", config::kSizeSyntax));
  }
  (*limits)[key] = *number;
  return absl::OkStatus();
}

absl::Status Set(const QuotaOptions& options, std::ostream& out) {
  Json limits = Json::object();
  WEFT_RETURN_IF_ERROR(AddLimit("bytes", "limit_bytes", options.bytes, &limits));
  WEFT_RETURN_IF_ERROR(AddLimit("inodes", "limit_inodes", options.inodes, &limits));
  if (limits.empty()) return UsageError("name a limit: --bytes or --inodes");
  WEFT_RETURN_IF_ERROR(WriteMountXattr(options.path, fuse::kQuotaXattr, limits));
  return Get(options, out);
}

absl::Status Remove(const QuotaOptions& options, std::ostream& /*out*/) {
  WEFT_RETURN_IF_ERROR(ReadMountXattr(options.path, fuse::kQuotaXattr).status());
  if (::removexattr(options.path.c_str(), fuse::kQuotaXattr) == 0) return absl::OkStatus();
  if (errno == ENODATA) return PosixError(ENODATA, options.path + " has no quota of its own");
  return LastError("remove the quota of " + options.path);
}

void AddPath(config::Command& command, QuotaOptions* options) {
  command.AddText({.name = "DIR",
                   .value = "DIR",
                   .help = "A directory on a mount",
                   .required = true,
                   .positional = true},
                  &options->path);
}

}  // namespace

void AddQuotaCommands(CommandTree& tree) {
  config::Command& group =
      tree.AddGroup("quota", "Limits of directory trees: set, get, list, remove");

  auto set_options = std::make_shared<QuotaOptions>();
  config::Command& set =
      tree.Add(group, "set", "Limit what a directory and all below it may use (as root)",
               "  weft quota set /mnt/weft/team-a --bytes 10TiB --inodes 50000000\n"
               "  weft quota set /mnt/weft/team-a --inodes none\n",
               [set_options](std::ostream& out) { return Set(*set_options, out); });
  AddPath(set, set_options.get());
  AddJsonFlag(set, &set_options->json);
  set.AddText({.name = "bytes", .value = "SIZE", .help = "Space that its files use; or none"},
              &set_options->bytes);
  set.AddText({.name = "inodes", .value = "N", .help = "Files, directories and all else; or none"},
              &set_options->inodes);

  auto get_options = std::make_shared<QuotaOptions>();
  config::Command& get =
      tree.Add(group, "get", "Show the quotas that a file or directory counts in, nearest first",
               "  weft quota get /mnt/weft/team-a\n",
               [get_options](std::ostream& out) { return Get(*get_options, out); });
  AddPath(get, get_options.get());
  AddJsonFlag(get, &get_options->json);

  auto list_options = std::make_shared<QuotaOptions>();
  config::Command& list =
      tree.Add(group, "list", "Show all quotas at or below a directory",
               "  weft quota list /mnt/weft\n"
               "  weft quota list /mnt/weft --json\n",
               [list_options](std::ostream& out) { return List(*list_options, out); });
  AddPath(list, list_options.get());
  AddJsonFlag(list, &list_options->json);

  auto remove_options = std::make_shared<QuotaOptions>();
  config::Command& remove =
      tree.Add(group, "remove", "End the limits of a directory (as root)",
               "  weft quota remove /mnt/weft/team-a\n",
               [remove_options](std::ostream& out) { return Remove(*remove_options, out); });
  AddPath(remove, remove_options.get());
}

}  // namespace weft::cli
