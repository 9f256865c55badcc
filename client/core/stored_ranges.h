// Which bytes of a content are stored, in order; what lies between is a hole. Asks the targets that
// can have chunks of it page by page, all in parallel, so that it costs a round trip for some
// thousand chunks of each. Sees what was stored before it asks; one who wants what is buffered,
// too, writes that out before. Used by one thread.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "client/core/chunk_io.h"
#include "client/core/intervals.h"
#include "proto/storage.pb.h"
#include "proto/types.pb.h"

namespace weft::client {

// A page of one target's chunks of a content: a request, and then its answer.
struct ChunkListing {
  TargetId target;
  uint32_t first_chunk = 0;
  proto::ListChunksReply reply;
};

class StoredRanges {
 public:
  // From byte `begin` on. `io` must outlive it.
  StoredRanges(ChunkIo* io, proto::Content content, uint64_t begin)
      : io_(io), content_(std::move(content)), begin_(begin) {}

  // The next range without a hole in it; nothing after the last. Errors are those of ChunkIo.
  [[nodiscard]] absl::StatusOr<std::optional<Interval>> Next();

 private:
  struct Target {
    TargetId id;
    uint32_t next_chunk = 0;  // where the next page begins
    bool at_end = false;
    std::deque<proto::ChunkExtent> page;
  };

  [[nodiscard]] absl::Status FindTargets();
  // Each target has a page, or no more chunks.
  [[nodiscard]] absl::Status FillPages();
  // Puts the ranges of the next chunk into ranges_; false: there is none.
  [[nodiscard]] absl::StatusOr<bool> TakeChunk();
  void AddRange(uint64_t begin, uint64_t end);

  ChunkIo* const io_;
  const proto::Content content_;
  const uint64_t begin_;
  bool found_targets_ = false;
  std::vector<Target> targets_;
  std::deque<Interval> ranges_;  // the last one may still grow
};

// How many bytes of [begin, end) are stored.
[[nodiscard]] absl::StatusOr<uint64_t> CountStored(ChunkIo* io, const proto::Content& content,
                                                   uint64_t begin, uint64_t end);

}  // namespace weft::client
