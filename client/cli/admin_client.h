// Talks to a metadata-server for the administration: finds its gRPC services through its wire
// address, which is all that people need to know. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "client/cli/output.h"
#include "common/config/command.h"
#include "proto/cluster.pb.h"
#include "proto/storage.pb.h"

namespace weft::cli {

inline constexpr char kDefaultServer[] = "127.0.0.1:7400";
inline constexpr std::chrono::milliseconds kAdminTimeout{10'000};  // of one call

// What every subcommand of the administration has.
struct AdminOptions {
  std::string server = kDefaultServer;
  bool json = false;
};

// --server and --json.
void AddAdminOptions(config::Command& command, AdminOptions* options);

class AdminClient {
 public:
  // Errors name the address and what to check.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<AdminClient>> Connect(std::string server);
  ~AdminClient();

  [[nodiscard]] absl::StatusOr<proto::GetStatusReply> GetStatus();
  [[nodiscard]] absl::StatusOr<proto::Node> AddNode(std::string_view name);
  [[nodiscard]] absl::StatusOr<proto::ListLocksReply> ListLocks(
      const proto::ListLocksRequest& request);

 private:
  struct Stub;  // hides gRPC
  AdminClient(std::string server, std::unique_ptr<Stub> stub);

  const std::string server_;
  const std::unique_ptr<Stub> stub_;
};

// Connects and asks, for subcommands that only show something.
[[nodiscard]] absl::StatusOr<proto::GetStatusReply> GetClusterStatus(const std::string& server);

// One round trip to a storage-server over the wire.
struct Pong {
  proto::PingReply reply;
  std::chrono::nanoseconds round_trip{0};
};
[[nodiscard]] absl::StatusOr<Pong> PingNode(const std::string& address,
                                            const std::string& cluster_id);

// `control_address` as it can be reached: where it has no host, or the "any" one, the host of
// `server` is put there.
[[nodiscard]] std::string ReachableAddress(std::string_view control_address,
                                           std::string_view server);

}  // namespace weft::cli
