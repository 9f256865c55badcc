// Answers the wire calls of proto/storage.proto from the chunk stores of this daemon.
//
// Translates and checks: whether this node serves, whether the target is here, whether the sender's
// map is good, and that every number is within its bounds (EINVAL naming the field). The rest is
// the ChunkStore's. Thread-safe; holds no state of its own.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "common/wire/server.h"
#include "proto/storage.pb.h"
#include "storage-server/chunks/chunk_store.h"
#include "storage-server/cluster/cluster_view.h"
#include "storage-server/cluster/local_targets.h"

namespace weft::storage {

class StorageHandler final : public wire::Handler {
 public:
  // `targets` and `view` must outlive this.
  StorageHandler(std::string node_name, const LocalTargets* targets, const ClusterView* view);

  void Handle(const wire::Request& request, wire::Responder& responder) override;

 private:
  // One for each method. OK: the reply has been sent.
  absl::Status ReadChunk(const wire::Request& request, wire::Responder& responder) const;
  absl::Status WriteChunk(const wire::Request& request, wire::Responder& responder) const;
  absl::Status SyncTarget(const wire::Request& request, wire::Responder& responder) const;
  absl::Status TruncateContent(const wire::Request& request, wire::Responder& responder) const;
  absl::Status RemoveContent(const wire::Request& request, wire::Responder& responder) const;
  absl::Status FindContentEnd(const wire::Request& request, wire::Responder& responder) const;
  absl::Status PunchChunk(const wire::Request& request, wire::Responder& responder) const;
  absl::Status StatChunk(const wire::Request& request, wire::Responder& responder) const;
  absl::Status Ping(const wire::Request& request, wire::Responder& responder) const;

  absl::Status Dispatch(const wire::Request& request, wire::Responder& responder) const;

  // The store that a request is for. ENXIO: the target is not here; else as
  // ClusterView::CheckRoute.
  [[nodiscard]] absl::StatusOr<ChunkStore*> StoreFor(const proto::Route& route) const;

  const std::string node_name_;
  const LocalTargets* const targets_;
  const ClusterView* const view_;
};

}  // namespace weft::storage
