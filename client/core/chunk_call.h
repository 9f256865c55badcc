// Calls to storage-servers: routed by the cluster map, many at once from one thread, repeated until
// they are answered.
//
// No answer, a map that one side finds old (ESTALE), a target that is not where the map says
// (ENXIO) and EAGAIN make the runner fetch the map, wait a little and try again, until the io
// timeout is over: then the call fails with EIO. What was refused for its generation (ECANCELED,
// see proto/storage.proto) is repeated at once. Thread-safe, but for the single call.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/core/io_timeout.h"
#include "client/core/map_cache.h"
#include "common/cluster_map/cluster_map.h"
#include "common/mutex.h"
#include "common/wire/backoff.h"
#include "common/wire/channel.h"
#include "proto/storage.pb.h"

namespace weft::client {

// Calls that one thread has in flight at once.
inline constexpr size_t kMaxCallsInFlight = 32;

// How long one of the tries that began together may wait from `now` on: all of them end soon after
// the try timeout, and by the deadline, however many servers hang. At least 1 ms.
[[nodiscard]] std::chrono::milliseconds TryTimeout(IoTimeout::TimePoint began,
                                                   IoTimeout::TimePoint deadline,
                                                   IoTimeout::TimePoint now);

// Where a request goes.
struct Destination {
  TargetInfo target;
  proto::Route route;
};

// The member of a chain that serves a chunk's requests: with one copy, the only one.
[[nodiscard]] inline TargetId ServingTarget(const ChunkRoute& route) {
  return TargetId(route.members.front().target_id());
}
// Where the requests of one chunk, and of a whole target, go. ESTALE or ENXIO: the map does not
// know.
[[nodiscard]] absl::StatusOr<Destination> DestinationOfChunk(const ClusterMap& map,
                                                             const proto::Content& content,
                                                             uint32_t chunk);
[[nodiscard]] absl::StatusOr<Destination> DestinationOfTarget(const ClusterMap& map,
                                                              TargetId target);

// One request, from the first try to its result. Used by one thread.
class ChunkCall {
 public:
  enum class Verdict { kDone, kRepeat };

  virtual ~ChunkCall() = default;

  [[nodiscard]] virtual absl::StatusOr<Destination> Find(const ClusterMap& map) = 0;
  // The request for that destination. What it points to stays valid until Answered.
  [[nodiscard]] virtual wire::CallSpec Prepare(const Destination& destination) = 0;
  // The server answered: `received` bytes of payload.
  [[nodiscard]] virtual Verdict Answered(size_t received) = 0;
  // No answer came to the last try: it may still be on its way, and be carried out later.
  virtual void Unanswered() {}
  // The server refused for a reason that is not about the way there. The default takes it as the
  // result.
  [[nodiscard]] virtual Verdict Refused(const absl::Status& error);
  // ESTALE can mean, besides an old map, that the content was cut: it is the result where the map
  // turns out to be current.
  [[nodiscard]] virtual bool stale_may_mean_cut() const { return false; }
  // For messages: "chunk 5 of content 17".
  [[nodiscard]] virtual std::string what() const = 0;

  [[nodiscard]] const absl::Status& result() const { return result_; }
  // That answered, or was tried last.
  [[nodiscard]] const TargetInfo& target() const { return target_; }

 protected:
  // Makes `error` the result, with the chunk and the target in its text.
  Verdict Fail(const absl::Status& error);
  Verdict Succeed();

 private:
  friend class ChunkCallRunner;
  absl::Status result_;
  absl::Status last_error_;
  TargetInfo target_;
};

class ChunkCallRunner {
 public:
  // All must outlive the runner.
  ChunkCallRunner(MapCache* maps, wire::ChannelPool* channels, const IoTimeout* timeout)
      : maps_(maps), channels_(channels), timeout_(timeout) {}

  // Returns when each call has its result.
  void Run(std::vector<ChunkCall*> calls);
  [[nodiscard]] MapCache& maps() const { return *maps_; }

 private:
  // Tries each, and again those that the server finds outdated; returns those to be repeated later.
  std::vector<ChunkCall*> TryAll(const ClusterMap* map, std::span<ChunkCall* const> calls,
                                 IoTimeout::TimePoint deadline);
  // Tries each once, by the deadline; returns those to be repeated.
  std::vector<ChunkCall*> TryOnce(const ClusterMap* map, std::span<ChunkCall* const> calls,
                                  IoTimeout::TimePoint deadline);
  ChunkCall::Verdict Finish(ChunkCall& call, absl::StatusOr<size_t> answer);
  void Report(const ChunkCall& call) WEFT_EXCLUDES(mutex_);

  MapCache* const maps_;
  wire::ChannelPool* const channels_;
  const IoTimeout* const timeout_;

  Mutex mutex_;
  std::chrono::steady_clock::time_point last_report_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
