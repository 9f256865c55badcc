// Calls that concern one content on every target that can hold its chunks, in parallel.
//
// Thread-safe. Every call names the group kWholeTarget: it concerns all chunks of the content
// there.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>

#include "common/cluster_map/cluster_map.h"
#include "common/wire/channel.h"
#include "proto/storage.pb.h"
#include "proto/types.pb.h"

namespace weft::metadata {

class ContentCalls {
 public:
  // The cluster map of now; null while there is none.
  using MapSource = std::function<std::shared_ptr<const ClusterMap>()>;

  ContentCalls(MapSource map, wire::Identity identity);

  // One try each: OK once every target has answered OK, else the first error, which names the
  // target. A content whose groups have no target needs no call. `timeout` bounds each.
  [[nodiscard]] absl::Status Truncate(const proto::Content& content, uint64_t size_bytes,
                                      std::chrono::milliseconds timeout);
  [[nodiscard]] absl::Status Remove(const proto::Content& content,
                                    std::chrono::milliseconds timeout);
  // The end of the last chunk, in bytes of the file; 0 without chunks.
  [[nodiscard]] absl::StatusOr<uint64_t> End(const proto::Content& content,
                                             std::chrono::milliseconds timeout);

 private:
  template <typename Request, typename Reply, typename OnReply>
  absl::Status CallAll(proto::StorageMethod method, const proto::Content& content,
                       const Request& request, std::chrono::milliseconds timeout,
                       const OnReply& on_reply);

  const MapSource map_;
  wire::ChannelPool channels_;
};

}  // namespace weft::metadata
