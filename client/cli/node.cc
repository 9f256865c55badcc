// weft node list|add|ping: the storage-servers.
#include <absl/strings/str_cat.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>

#include "client/cli/admin_client.h"
#include "client/cli/cluster_view.h"
#include "client/cli/commands.h"
#include "common/status.h"

namespace weft::cli {
namespace {

struct NodeOptions {
  AdminOptions admin;
  std::string name;
};

absl::Status List(const NodeOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const proto::GetStatusReply status, GetClusterStatus(options.admin.server));
  const proto::ClusterMap& map = status.map();
  if (options.admin.json) {
    Json nodes = Json::array();
    for (const proto::Node& node : map.nodes()) nodes.push_back(NodeJson(map, node));
    PrintJson({{"nodes", std::move(nodes)}}, out);
    return absl::OkStatus();
  }
  Table table({"NAME", "STATE", "ADDRESS", "TARGETS", "SIZE", "FREE", "USED", "VERSION"});
  for (const proto::Node& node : map.nodes()) {
    const Space space = SpaceOfNode(map, node.node_id());
    table.AddRow({node.name(), std::string(StateName(node.state())), node.address(),
                  absl::StrCat(space.targets), HumanBytes(space.capacity_bytes),
                  HumanBytes(space.free_bytes), UsedPercent(space.capacity_bytes, space.free_bytes),
                  node.version()});
  }
  table.Print(out);
  return absl::OkStatus();
}

absl::Status Add(const NodeOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<AdminClient> client,
                        AdminClient::Connect(options.admin.server));
  WEFT_ASSIGN_OR_RETURN(const proto::Node node, client->AddNode(options.name));
  WEFT_ASSIGN_OR_RETURN(const proto::GetStatusReply status, client->GetStatus());
  if (options.admin.json) {
    PrintJson(NodeJson(status.map(), node), out);
    return absl::OkStatus();
  }
  const Space space = SpaceOfNode(status.map(), node.node_id());
  out << "Node " << node.name() << " serves with " << Count(space.targets, "target") << ", "
      << HumanBytes(space.capacity_bytes) << ". New files use it at once.\n";
  return absl::OkStatus();
}

std::string Microseconds(std::chrono::nanoseconds time) {
  return absl::StrCat(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

Json PingJson(const proto::Node& node, const absl::StatusOr<Pong>& pong) {
  Json json = {{"name", node.name()}, {"address", node.address()}, {"answers", pong.ok()}};
  if (pong.ok()) {
    json["round_trip_us"] =
        std::chrono::duration_cast<std::chrono::microseconds>(pong->round_trip).count();
    json["version"] = pong->reply.version();
  } else {
    json["error"] = MessageOf(pong.status());
  }
  return json;
}

// An error where a node does not answer, after all of them were asked.
absl::Status Ping(const NodeOptions& options, std::ostream& out) {
  WEFT_ASSIGN_OR_RETURN(const proto::GetStatusReply status, GetClusterStatus(options.admin.server));
  Json results = Json::array();
  Table table({"NAME", "ADDRESS", "ANSWER"});
  uint32_t silent = 0;
  for (const proto::Node& node : status.map().nodes()) {
    if (!options.name.empty() && node.name() != options.name) continue;
    const absl::StatusOr<Pong> pong = PingNode(node.address(), status.map().cluster_id());
    if (!pong.ok()) ++silent;
    results.push_back(PingJson(node, pong));
    table.AddRow({node.name(), node.address(),
                  pong.ok()
                      ? Microseconds(pong->round_trip) + " us, version " + pong->reply.version()
                      : MessageOf(pong.status())});
  }
  if (results.empty() && !options.name.empty()) {
    return PosixError(ENOENT, "no node is named " + options.name + ": see weft node list");
  }
  if (options.admin.json) {
    PrintJson({{"nodes", std::move(results)}}, out);
  } else {
    table.Print(out);
  }
  if (silent > 0) return PosixError(EHOSTUNREACH, Count(silent, "node") + " without an answer");
  return absl::OkStatus();
}

}  // namespace

void AddNodeCommands(CommandTree& tree) {
  config::Command& group = tree.AddGroup("node", "Storage-servers: list, add, ping");

  auto list_options = std::make_shared<NodeOptions>();
  config::Command& list =
      tree.Add(group, "list", "List the storage-servers that have registered",
               "  weft node list\n"
               "  weft node list --json\n",
               [list_options](std::ostream& out) { return List(*list_options, out); });
  AddAdminOptions(list, &list_options->admin);

  auto add_options = std::make_shared<NodeOptions>();
  config::Command& add =
      tree.Add(group, "add", "Let a storage-server that has registered hold data",
               "  weft node list          shows it as pending\n"
               "  weft node add storage5\n",
               [add_options](std::ostream& out) { return Add(*add_options, out); });
  add.AddText({.name = "NAME",
               .help = "The name that it registered with",
               .required = true,
               .positional = true},
              &add_options->name);
  AddAdminOptions(add, &add_options->admin);

  auto ping_options = std::make_shared<NodeOptions>();
  config::Command& ping =
      tree.Add(group, "ping", "Call storage-servers and show how long an answer takes",
               "  weft node ping\n"
               "  weft node ping storage5\n",
               [ping_options](std::ostream& out) { return Ping(*ping_options, out); });
  ping.AddText({.name = "NAME", .help = "Only this one", .positional = true}, &ping_options->name);
  AddAdminOptions(ping, &ping_options->admin);
}

}  // namespace weft::cli
