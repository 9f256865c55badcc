// Reads chunks of other storage-servers, for copies that do not go through a client.
//
// A copy holds a worker of this server while it waits for one of another server, which may copy
// from this one at the same time. So copies take at most half of the workers (Admission): reads,
// which wait for nobody, always find one. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <optional>

#include "common/wire/buffer.h"
#include "common/wire/channel.h"
#include "proto/storage.pb.h"
#include "storage-server/cluster/cluster_view.h"

namespace weft::storage {

class ChunkSource {
 public:
  // `view` must outlive this.
  ChunkSource(wire::Identity identity, const ClusterView* view, uint32_t max_workers)
      : view_(view), max_copies_(max_workers / 2), channels_(std::move(identity)) {}

  // One copy's place among those under way.
  class Admission {
   public:
    explicit Admission(ChunkSource* source) : source_(source) {}
    Admission(Admission&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
    Admission& operator=(Admission&&) = delete;
    ~Admission() {
      if (source_ != nullptr) --source_->copies_;
    }

   private:
    ChunkSource* source_;
  };

  // EAGAIN: too many are under way. EOPNOTSUPP: this server has too few workers for any.
  [[nodiscard]] absl::StatusOr<Admission> Admit();

  // [source_offset, + length) of the request's source, verified; zeros behind the chunk's end.
  // EAGAIN: its server does not answer, or has another map. EIO: what it has is damaged.
  [[nodiscard]] absl::StatusOr<wire::Buffer> Read(const proto::CopyChunkRequest& copy);

 private:
  [[nodiscard]] absl::StatusOr<wire::Buffer> ReadOnce(const proto::CopyChunkRequest& copy,
                                                      bool by_copy);

  const ClusterView* const view_;
  const uint32_t max_copies_;
  std::atomic<uint32_t> copies_{0};
  wire::ChannelPool channels_;
};

}  // namespace weft::storage
