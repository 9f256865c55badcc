// Finds the gRPC services of the metadata-server, which is configured by its wire address only.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "proto/cluster.grpc.pb.h"

namespace weft::storage {

struct ControlPlane {
  std::string cluster_id;
  std::string address;  // host:port
  std::shared_ptr<proto::ClusterService::Stub> stub;
};

// Asks the metadata-server at `metadata_address` (its wire) where its gRPC services are, and makes
// a stub for them; nothing is connected yet. Blocks for at most `timeout`. Thread-safe.
[[nodiscard]] absl::StatusOr<ControlPlane> FindControlPlane(const std::string& metadata_address,
                                                            const std::string& own_name,
                                                            std::chrono::milliseconds timeout);

// `control_address` as it can be reached: where it has no host, or the "any" one, the host of
// `metadata_address` is put there.
[[nodiscard]] std::string ReachableAddress(std::string_view control_address,
                                           std::string_view metadata_address);

// The same error with the code and text of gRPC; transport errors stay transport errors.
[[nodiscard]] absl::Status FromGrpc(const grpc::Status& status);

}  // namespace weft::storage
