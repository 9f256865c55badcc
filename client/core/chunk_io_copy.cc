// ChunkIo: copies between chunks, and which chunks there are.
#include <deque>
#include <utility>

#include "client/core/chunk_io.h"
#include "client/core/one_chunk_call.h"
#include "client/core/stored_ranges.h"
#include "common/status.h"

namespace weft::client {
namespace {

// Asked for at once of one target.
constexpr uint32_t kChunksPerListing = 4096;

// Goes to the server that stores the bytes; it fetches them from the other one.
class CopyCall final : public ChangeCall {
 public:
  CopyCall(const proto::Content* source, const proto::Content* content, SessionId session,
           ChangeGenerations* generations, ChunkCopy* copy)
      : ChangeCall(content, copy->stored.chunk, session, generations),
        source_(source),
        copy_(copy) {
    request_.set_offset_bytes(copy->stored.offset_bytes);
    request_.set_chunk_bytes_log2(content->chunk_bytes_log2());
    request_.set_source_content_id(source->content_id());
    request_.set_source_chunk(copy->source_chunk);
    request_.set_source_offset_bytes(copy->source_offset_bytes);
    request_.set_length_bytes(copy->stored.length_bytes);
  }

  absl::StatusOr<Destination> Find(const ClusterMap& map) override {
    WEFT_ASSIGN_OR_RETURN(const Destination from,
                          DestinationOfChunk(map, *source_, copy_->source_chunk));
    *request_.mutable_source_route() = from.route;
    return OneChunkCall::Find(map);
  }
  wire::CallSpec Prepare(const Destination& destination) override {
    AddressChange(destination, &request_);
    reply_.Clear();
    wire::CallSpec spec;
    spec.method = proto::COPY_CHUNK;
    spec.request = &request_;
    spec.reply = &reply_;
    return spec;
  }
  Verdict Answered(size_t /*received*/) override {
    copy_->stored.target = target().id;
    copy_->stored.durability_id = reply_.durability_id();
    copy_->stored.used_bytes_added = reply_.used_bytes_added();
    return Succeed();
  }

 private:
  const proto::Content* const source_;
  ChunkCopy* const copy_;
  proto::CopyChunkRequest request_;
  proto::WriteChunkReply reply_;
};

class ListCall final : public ChunkCall {
 public:
  ListCall(uint64_t content_id, ChunkListing* listing) : listing_(listing) {
    request_.set_content_id(content_id);
    request_.set_first_chunk(listing->first_chunk);
    request_.set_max_chunks(kChunksPerListing);
  }

  absl::StatusOr<Destination> Find(const ClusterMap& map) override {
    return DestinationOfTarget(map, listing_->target);
  }
  wire::CallSpec Prepare(const Destination& destination) override {
    *request_.mutable_route() = destination.route;
    listing_->reply.Clear();
    wire::CallSpec spec;
    spec.method = proto::LIST_CHUNKS;
    spec.request = &request_;
    spec.reply = &listing_->reply;
    return spec;
  }
  Verdict Answered(size_t /*received*/) override { return Succeed(); }
  std::string what() const override {
    return "the list of chunks of content " + std::to_string(request_.content_id());
  }

 private:
  ChunkListing* const listing_;
  proto::ListChunksRequest request_;
};

}  // namespace

absl::Status ChunkIo::Copy(const proto::Content& source, const proto::Content& content,
                           std::span<ChunkCopy> copies) {
  const SessionId session = session_();
  std::deque<CopyCall> calls;
  for (ChunkCopy& copy : copies) {
    calls.emplace_back(&source, &content, session, &generations_, &copy);
  }
  return RunAll(runner_, &calls);
}

absl::Status ChunkIo::List(const proto::Content& content, std::span<ChunkListing> listings) {
  std::deque<ListCall> calls;
  for (ChunkListing& listing : listings) calls.emplace_back(content.content_id(), &listing);
  return RunAll(runner_, &calls);
}

}  // namespace weft::client
