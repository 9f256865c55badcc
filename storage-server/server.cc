#include "storage-server/server.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <utility>

#include "common/clock.h"
#include "common/status.h"
#include "storage-server/advertised_address.h"

namespace weft::storage {

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const Options& options, std::function<void(const absl::Status&)> on_refused) {
  if (options.min_workers > options.max_workers) {
    return PosixError(EINVAL, "--min-workers is greater than --max-workers");
  }
  std::unique_ptr<Server> server(new Server());
  WEFT_ASSIGN_OR_RETURN(server->targets_, LocalTargets::Open(options.data, options.capacity_bytes));
  server->view_ = std::make_unique<ClusterView>(&SystemClock());
  const auto cluster_id = [targets = server->targets_.get()] { return targets->cluster_id(); };
  server->source_ = std::make_unique<ChunkSource>(
      wire::Identity{server->targets_->node_uuid(), "storage " + options.name, cluster_id},
      server->view_.get(), options.max_workers);
  server->handler_ = std::make_unique<StorageHandler>(options.name, server->targets_.get(),
                                                      server->view_.get(), server->source_.get());

  wire::ServerOptions wire;
  wire.listen_address = options.listen;
  wire.name = "storage " + options.name;
  wire.cluster_id = cluster_id;
  wire.min_workers = options.min_workers;
  wire.max_workers = options.max_workers;
  WEFT_ASSIGN_OR_RETURN(server->wire_,
                        wire::Server::Start(std::move(wire), server->handler_.get()));

  MembershipOptions membership;
  membership.metadata_address = options.metadata;
  membership.node_name = options.name;
  membership.advertised_address = options.advertise.empty()
                                      ? AdvertisedAddress(server->address(), options.metadata)
                                      : options.advertise;
  membership.on_refused_at_start = std::move(on_refused);
  spdlog::info("node \"{}\" listens at {}, reached at {}", options.name, server->address(),
               membership.advertised_address);
  server->membership_ = std::make_unique<Membership>(std::move(membership), server->targets_.get(),
                                                     server->view_.get(), &SystemClock());
  return server;
}

Server::~Server() { Stop(); }

void Server::Stop() {
  if (std::exchange(stopped_, true)) return;
  // Requests end first, while the lease is still kept.
  if (wire_ != nullptr) wire_->Stop();
  if (membership_ != nullptr) membership_->Stop();
  if (targets_ == nullptr) return;
  const absl::Status synced = targets_->Sync();
  if (!synced.ok()) spdlog::error("not everything is durable: {}", MessageOf(synced));
}

}  // namespace weft::storage
