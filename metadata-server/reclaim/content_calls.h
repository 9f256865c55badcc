// Calls to storage-servers that concern a whole content on a target, many in parallel.
//
// Each call is tried once: who needs more tries again. Errors name the target. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/cluster_map/cluster_map.h"
#include "common/ids.h"
#include "common/wire/channel.h"
#include "metadata-server/namespace/namespace.h"
#include "proto/storage.pb.h"
#include "proto/types.pb.h"

namespace weft::metadata {

class ContentCalls {
 public:
  // The cluster map of now.
  using MapSource = std::function<std::shared_ptr<const ClusterMap>()>;

  ContentCalls(MapSource map, wire::Identity identity);

  [[nodiscard]] std::shared_ptr<const ClusterMap> map() const { return map_(); }

  // A transport error that names the first target of the content whose node is known to be offline.
  // Asks nobody.
  [[nodiscard]] absl::Status CheckOnline(const proto::Content& content) const;

  // OK once every target that can hold chunks of the content has answered OK, else the first error.
  // A content whose groups have no target needs no call. `timeout` bounds each call.
  [[nodiscard]] absl::Status Truncate(const proto::Content& content, uint64_t size_bytes,
                                      std::chrono::milliseconds timeout);
  // The same; the end of the last chunk, in bytes of the file; 0 without chunks.
  [[nodiscard]] absl::StatusOr<StoredContent> End(const proto::Content& content,
                                                  std::chrono::milliseconds timeout);

  // Removal of a content from one target.
  struct Removal {
    ContentId content;
    TargetId target;
    absl::Status result;
  };
  // Makes all of these calls at once, each on a connection of its own: the caller bounds how many.
  void Remove(std::span<Removal> removals, std::chrono::milliseconds timeout);

 private:
  struct Call {
    TargetId target;
    google::protobuf::MessageLite* request = nullptr;
    google::protobuf::MessageLite* reply = nullptr;
    absl::Status result;
  };
  // Sends all, then waits for all.
  void CallEach(const ClusterMap& map, proto::StorageMethod method, std::span<Call> calls,
                std::chrono::milliseconds timeout);
  // Sends `request` to every target of the content.
  template <typename Request, typename Reply>
  absl::StatusOr<std::vector<Reply>> CallTargetsOf(const proto::Content& content,
                                                   proto::StorageMethod method,
                                                   const Request& request,
                                                   std::chrono::milliseconds timeout);

  const MapSource map_;
  wire::ChannelPool channels_;
};

}  // namespace weft::metadata
