// The storage-server as a whole: builds its parts, starts them in order and stops them in order.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>

#include "common/wire/server.h"
#include "storage-server/cluster/cluster_view.h"
#include "storage-server/cluster/local_targets.h"
#include "storage-server/cluster/membership.h"
#include "storage-server/options.h"
#include "storage-server/service/storage_handler.h"

namespace weft::storage {

class Server {
 public:
  // Opens the targets and listens at once; joins the cluster as soon as the metadata-server
  // answers, and answers EAGAIN until then. Any error names what it is about. `on_refused` is
  // called, on another thread and at most once, where the metadata-server refuses this node at its
  // first registration (see Membership).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Server>> Start(
      const Options& options, std::function<void(const absl::Status&)> on_refused);
  // Stops as Stop does.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // host:port of the wire, with the real port.
  [[nodiscard]] std::string address() const { return wire_->address(); }

  // Answers what is in progress, leaves, and makes everything durable. Idempotent.
  void Stop();

 private:
  Server() = default;

  // In the order of construction: each uses only what stands above it.
  std::unique_ptr<LocalTargets> targets_;
  std::unique_ptr<ClusterView> view_;
  std::unique_ptr<ChunkSource> source_;
  std::unique_ptr<StorageHandler> handler_;
  std::unique_ptr<wire::Server> wire_;
  std::unique_ptr<Membership> membership_;
  bool stopped_ = false;
};

}  // namespace weft::storage
