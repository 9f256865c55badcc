// weft df: space, of the whole cluster by node, or of a mount as df(1) shows it.
#include <absl/strings/str_cat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "client/cli/admin_client.h"
#include "client/cli/cluster_view.h"
#include "client/cli/commands.h"
#include "common/status.h"

namespace weft::cli {
namespace {

struct DfOptions {
  AdminOptions admin;
  std::string path;
};

void PrintSpace(const std::vector<std::pair<std::string, Space>>& rows, const char* title,
                std::ostream& out) {
  Table table({title, "TARGETS", "SIZE", "USED", "FREE", "USED%"});
  for (const auto& [name, space] : rows) {
    table.AddRow(
        {name, absl::StrCat(space.targets), HumanBytes(space.capacity_bytes),
         HumanBytes(space.capacity_bytes - std::min(space.free_bytes, space.capacity_bytes)),
         HumanBytes(space.free_bytes), UsedPercent(space.capacity_bytes, space.free_bytes)});
  }
  table.Print(out);
}

Json SpaceJson(const Space& space) {
  return {{"targets", space.targets},
          {"capacity_bytes", space.capacity_bytes},
          {"free_bytes", space.free_bytes}};
}

absl::Status ShowCluster(const DfOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const proto::GetStatusReply status, GetClusterStatus(options.admin.server));
  const proto::ClusterMap& map = status.map();
  std::vector<std::pair<std::string, Space>> rows;
  for (const proto::Node& node : map.nodes()) {
    if (node.state() == proto::NODE_PENDING) continue;
    rows.emplace_back(node.name(), SpaceOfNode(map, node.node_id()));
  }
  const Space total = SpaceOfCluster(map);
  if (options.admin.json) {
    Json json = {{"nodes", Json::array()}, {"total", SpaceJson(total)}};
    for (const auto& [name, space] : rows) {
      Json row = {{"name", name}};
      row.update(SpaceJson(space));
      json["nodes"].push_back(std::move(row));
    }
    PrintJson(json, out);
    return absl::OkStatus();
  }
  rows.emplace_back("total", total);
  PrintSpace(rows, "NODE", out);
  return absl::OkStatus();
}

absl::Status ShowPath(const DfOptions& options, std::ostream& out) {
  struct statvfs stat = {};
  if (::statvfs(options.path.c_str(), &stat) != 0) return LastError(options.path);
  const uint64_t unit = stat.f_frsize;
  const uint64_t capacity = stat.f_blocks * unit;
  const uint64_t free = stat.f_bavail * unit;
  const uint64_t inodes_used = stat.f_files - stat.f_ffree;
  if (options.admin.json) {
    PrintJson({{"path", options.path},
               {"capacity_bytes", capacity},
               {"free_bytes", free},
               {"inodes_used", inodes_used},
               {"inodes_free", uint64_t{stat.f_ffree}}},
              out);
    return absl::OkStatus();
  }
  Table table({"PATH", "SIZE", "USED", "FREE", "USED%", "INODES"});
  table.AddRow({options.path, HumanBytes(capacity), HumanBytes(capacity - std::min(free, capacity)),
                HumanBytes(free), UsedPercent(capacity, free), absl::StrCat(inodes_used)});
  table.Print(out);
  return absl::OkStatus();
}

}  // namespace

void AddDfCommand(CommandTree& tree) {
  auto options = std::make_shared<DfOptions>();
  config::Command& command = tree.Add(
      tree.program(), "df", "Show space: of the cluster by node, or of the mount at PATH",
      "  weft df\n"
      "  weft df /mnt/weft\n",
      [options](std::ostream& out) {
        return options->path.empty() ? ShowCluster(*options, out) : ShowPath(*options, out);
      });
  command.AddText(
      {.name = "PATH", .value = "PATH", .help = "A path on a mount", .positional = true},
      &options->path);
  AddAdminOptions(command, &options->admin);
}

}  // namespace weft::cli
