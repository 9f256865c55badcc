// weft target list: the disks of the storage-servers.
#include <absl/strings/str_cat.h>

#include <memory>

#include "client/cli/admin_client.h"
#include "client/cli/cluster_view.h"
#include "client/cli/commands.h"
#include "common/status.h"

namespace weft::cli {
namespace {

absl::Status List(const AdminOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const proto::GetStatusReply status, GetClusterStatus(options.server));
  const proto::ClusterMap& map = status.map();
  if (options.json) {
    Json targets = Json::array();
    for (const proto::Target& target : map.targets()) targets.push_back(TargetJson(map, target));
    PrintJson({{"targets", std::move(targets)}}, out);
    return absl::OkStatus();
  }
  Table table({"ID", "NODE", "SIZE", "FREE", "USED", "STATE", "PATH"});
  for (const proto::Target& target : map.targets()) {
    table.AddRow({absl::StrCat(target.target_id()), NodeName(map, target.node_id()),
                  HumanBytes(target.capacity_bytes()), HumanBytes(target.free_bytes()),
                  UsedPercent(target.capacity_bytes(), target.free_bytes()),
                  target.fault().empty() ? "ok" : target.fault(), target.path()});
  }
  table.Print(out);
  return absl::OkStatus();
}

}  // namespace

void AddTargetCommands(CommandTree& tree) {
  config::Command& group = tree.AddGroup("target", "Disks of the storage-servers");
  auto options = std::make_shared<AdminOptions>();
  config::Command& list =
      tree.Add(group, "list", "List the data directories of all storage-servers",
               "  weft target list\n"
               "  weft target list --json\n",
               [options](std::ostream& out) { return List(*options, out); });
  AddAdminOptions(list, options.get());
}

}  // namespace weft::cli
