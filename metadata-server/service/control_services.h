// The gRPC control plane ↔ the domain: ClusterService, AdminService, health and reflection.
//
// Thread-safe. Only this file knows gRPC's server side.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>

#include "metadata-server/cluster/membership.h"
#include "proto/cluster.pb.h"

namespace weft::metadata {

class ControlServer {
 public:
  struct Options {
    std::string listen_address;  // host:port; port 0 takes a free one
    // All of GetStatusReply but the map.
    std::function<void(proto::GetStatusReply*)> fill_status;
    std::function<proto::ListLocksReply(const proto::ListLocksRequest&)> list_locks;
  };

  // Listens and serves at once. EADDRINUSE with the address where it cannot. `membership` must
  // outlive it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ControlServer>> Start(Options options,
                                                                            Membership* membership);
  virtual ~ControlServer() = default;

  // host:port with the real port.
  [[nodiscard]] virtual std::string address() const = 0;
  // What the health service says.
  virtual void SetServing(bool serving) = 0;
  // Ends streams and calls, within seconds. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace weft::metadata
