// weft status: the cluster at a glance.
#include "common/status.h"

#include <absl/strings/str_cat.h>

#include <memory>

#include "client/cli/admin_client.h"
#include "client/cli/cluster_view.h"
#include "client/cli/commands.h"

namespace weft::cli {
namespace {

Json StatusJson(const std::string& server, const proto::GetStatusReply& status) {
  const proto::ClusterMap& map = status.map();
  Json json = {{"cluster_id", map.cluster_id()},
               {"server", server},
               {"version", status.version()},
               {"uptime_ms", status.uptime_ms()},
               {"map_epoch", map.epoch()},
               {"inodes", status.inodes()},
               {"reclaim_pending", status.reclaim_pending()},
               {"store_fault", status.store_fault()},
               {"warnings", Warnings(status)},
               {"pools", Json::array()},
               {"nodes", Json::array()},
               {"sessions", Json::array()}};
  for (const proto::Pool& pool : map.pools()) {
    json["pools"].push_back({{"id", pool.pool_id()},
                             {"name", pool.name()},
                             {"replicas", pool.replicas()},
                             {"groups", pool.groups_size()}});
  }
  for (const proto::Node& node : map.nodes()) json["nodes"].push_back(NodeJson(map, node));
  for (const proto::Session& session : status.sessions()) {
    json["sessions"].push_back({{"id", session.session_id()},
                                {"host", session.host()},
                                {"mount_point", session.mount_point()},
                                {"version", session.version()},
                                {"idle_ms", session.idle_ms()},
                                {"open_files", session.open_files()}});
  }
  return json;
}

std::string NodeCounts(const proto::ClusterMap& map) {
  std::string text;
  for (const proto::NodeState state :
       {proto::NODE_ONLINE, proto::NODE_OFFLINE, proto::NODE_PENDING}) {
    int count = 0;
    for (const proto::Node& node : map.nodes()) count += node.state() == state ? 1 : 0;
    if (count == 0 && state != proto::NODE_ONLINE) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", count, " ", std::string(StateName(state)));
  }
  return text;
}

void PrintStatus(const std::string& server, const proto::GetStatusReply& status,
                 std::ostream& out) {
  const proto::ClusterMap& map = status.map();
  const Space space = SpaceOfCluster(map);
  out << "cluster   " << map.cluster_id() << "\n"
      << "metadata  " << server << ", version " << status.version() << ", up "
      << HumanTime(status.uptime_ms()) << "\n"
      << "map       epoch " << map.epoch() << "\n"
      << "nodes     " << NodeCounts(map) << "; " << Count(space.targets, "target") << "\n"
      << "space     " << HumanBytes(space.free_bytes) << " free of "
      << HumanBytes(space.capacity_bytes) << "\n"
      << "files     " << Count(status.inodes(), "inode") << ", "
      << Count(status.reclaim_pending(), "deleted content") << " to reclaim\n"
      << "mounts    " << status.sessions_size() << "\n";
  for (const std::string& warning : Warnings(status)) out << "WARNING   " << warning << "\n";
  if (status.sessions_size() == 0) return;
  out << "\n";
  Table table({"MOUNT", "HOST", "VERSION", "OPEN FILES", "LAST HEARD"});
  for (const proto::Session& session : status.sessions()) {
    table.AddRow({session.mount_point(), session.host(), session.version(),
                  absl::StrCat(session.open_files()), HumanTime(session.idle_ms()) + " ago"});
  }
  table.Print(out);
}

}  // namespace

void AddStatusCommand(CommandTree& tree) {
  auto options = std::make_shared<AdminOptions>();
  config::Command& command =
      tree.Add(tree.program(), "status", "Show the cluster: servers, space, mounts, what is wrong",
               "  weft status\n"
               "  weft status --server meta1:7400 --json\n",
               [options](std::ostream& out) -> absl::Status {
                 WEFT_ASSIGN_OR_RETURN(const proto::GetStatusReply status,
                                       GetClusterStatus(options->server));
                 if (options->json) {
                   PrintJson(StatusJson(options->server, status), out);
                 } else {
                   PrintStatus(options->server, status, out);
                 }
                 return absl::OkStatus();
               });
  AddAdminOptions(command, options.get());
}

}  // namespace weft::cli
