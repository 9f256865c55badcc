#include "client/core/stored_ranges.h"

#include <algorithm>
#include <utility>

#include "common/limits.h"
#include "common/status.h"

namespace weft::client {

absl::StatusOr<std::optional<Interval>> StoredRanges::Next() {
  if (!found_targets_) WEFT_RETURN_IF_ERROR(FindTargets());
  // A range is whole once another one has begun behind it.
  while (ranges_.size() < 2) {
    WEFT_ASSIGN_OR_RETURN(const bool took, TakeChunk());
    if (!took) break;
  }
  if (ranges_.empty()) return std::nullopt;
  const Interval next = ranges_.front();
  ranges_.pop_front();
  return next;
}

absl::Status StoredRanges::FindTargets() {
  WEFT_ASSIGN_OR_RETURN(const auto ids, io_->TargetsOf(content_, kMaxWidth));
  const auto first = static_cast<uint32_t>(begin_ >> content_.chunk_bytes_log2());
  for (const TargetId id : ids) targets_.push_back({.id = id, .next_chunk = first, .page = {}});
  found_targets_ = true;
  return absl::OkStatus();
}

absl::Status StoredRanges::FillPages() {
  std::vector<ChunkListing> listings;
  std::vector<Target*> asked;
  for (Target& target : targets_) {
    if (!target.page.empty() || target.at_end) continue;
    listings.push_back({.target = target.id, .first_chunk = target.next_chunk, .reply = {}});
    asked.push_back(&target);
  }
  if (listings.empty()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(io_->List(content_, listings));
  for (size_t i = 0; i < asked.size(); ++i) {
    proto::ListChunksReply& reply = listings[i].reply;
    asked[i]->page.assign(std::make_move_iterator(reply.mutable_chunks()->begin()),
                          std::make_move_iterator(reply.mutable_chunks()->end()));
    asked[i]->at_end = reply.at_end() || asked[i]->page.empty();
    if (!asked[i]->at_end) asked[i]->next_chunk = asked[i]->page.back().chunk() + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> StoredRanges::TakeChunk() {
  WEFT_RETURN_IF_ERROR(FillPages());
  Target* first = nullptr;
  for (Target& target : targets_) {
    if (target.page.empty()) continue;
    if (first == nullptr || target.page.front().chunk() < first->page.front().chunk()) {
      first = &target;
    }
  }
  if (first == nullptr) return false;
  const proto::ChunkExtent& chunk = first->page.front();
  const uint64_t start = uint64_t{chunk.chunk()} << content_.chunk_bytes_log2();
  const int ranges = std::min(chunk.begin_bytes_size(), chunk.end_bytes_size());
  for (int i = 0; i < ranges; ++i) {
    AddRange(start + chunk.begin_bytes(i), start + chunk.end_bytes(i));
  }
  first->page.pop_front();
  return true;
}

void StoredRanges::AddRange(uint64_t begin, uint64_t end) {
  begin = std::max(begin, begin_);
  if (begin >= end) return;
  if (!ranges_.empty() && ranges_.back().end == begin) {
    ranges_.back().end = end;
  } else {
    ranges_.push_back({begin, end});
  }
}

absl::StatusOr<uint64_t> CountStored(ChunkIo* io, const proto::Content& content, uint64_t begin,
                                     uint64_t end) {
  uint64_t bytes = 0;
  StoredRanges ranges(io, content, begin);
  for (;;) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<Interval> stored, ranges.Next());
    if (!stored || stored->begin >= end) return bytes;
    bytes += std::min(stored->end, end) - stored->begin;
  }
}

}  // namespace weft::client
