// Answers the wire calls of proto/storage.proto from the chunk stores of this daemon.
//
// Translates and checks: whether this node serves, whether the target is here, whether the sender's
// map is good, and that every number is within its bounds (EINVAL naming the field). Keeps late
// changes from running after newer ones, and those of fenced sessions from running at all: that is
// decided when they have their chunk. The rest is the ChunkStore's. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "common/wire/server.h"
#include "proto/storage.pb.h"
#include "storage-server/chunks/chunk_store.h"
#include "storage-server/cluster/cluster_view.h"
#include "storage-server/cluster/local_targets.h"
#include "storage-server/service/chunk_source.h"
#include "storage-server/service/write_generations.h"

namespace weft::storage {

class StorageHandler final : public wire::Handler {
 public:
  // All must outlive this. `source` reads what is copied from other servers.
  StorageHandler(std::string node_name, const LocalTargets* targets, const ClusterView* view,
                 ChunkSource* source);

  void Handle(const wire::Request& request, wire::Responder& responder) override;

 private:
  // One for each method. OK: the reply has been sent.
  absl::Status ReadChunk(const wire::Request& request, wire::Responder& responder) const;
  absl::Status WriteChunk(const wire::Request& request, wire::Responder& responder);
  absl::Status SyncTarget(const wire::Request& request, wire::Responder& responder) const;
  absl::Status TruncateContent(const wire::Request& request, wire::Responder& responder) const;
  absl::Status RemoveContent(const wire::Request& request, wire::Responder& responder) const;
  absl::Status FindContentEnd(const wire::Request& request, wire::Responder& responder) const;
  absl::Status PunchChunk(const wire::Request& request, wire::Responder& responder);
  absl::Status CopyChunk(const wire::Request& request, wire::Responder& responder);
  absl::Status ListChunks(const wire::Request& request, wire::Responder& responder) const;
  absl::Status StatChunk(const wire::Request& request, wire::Responder& responder) const;
  absl::Status Ping(const wire::Request& request, wire::Responder& responder) const;

  absl::Status Dispatch(const wire::Request& request, wire::Responder& responder);

  // The store that a request is for. ENXIO: the target is not here; else as
  // ClusterView::CheckRoute.
  [[nodiscard]] absl::StatusOr<ChunkStore*> StoreFor(const proto::Route& route) const;

  // Takes note of a change (WriteChunk, CopyChunk, PunchChunk) that has arrived; what to ask before
  // it changes anything. ESHUTDOWN: its session is fenced.
  template <typename Request>
  [[nodiscard]] absl::StatusOr<MayChange> Admit(const Request& request);

  const std::string node_name_;
  const LocalTargets* const targets_;
  const ClusterView* const view_;
  ChunkSource* const source_;
  WriteGenerations generations_;
};

}  // namespace weft::storage
