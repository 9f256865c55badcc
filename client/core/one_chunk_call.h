// What calls about one chunk share: where they go, and for changes that they carry what keeps a
// late one from doing harm (see proto/storage.proto). Used by one thread, like ChunkCall.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "client/core/change_generations.h"
#include "client/core/chunk_call.h"
#include "common/ids.h"
#include "common/status.h"
#include "proto/types.pb.h"

namespace weft::client {

// A request about one chunk.
class OneChunkCall : public ChunkCall {
 public:
  OneChunkCall(const proto::Content* content, uint32_t chunk) : content_(content), chunk_(chunk) {}
  absl::StatusOr<Destination> Find(const ClusterMap& map) override {
    return DestinationOfChunk(map, *content_, chunk_);
  }
  std::string what() const override {
    return "chunk " + std::to_string(chunk_) + " of content " +
           std::to_string(content_->content_id());
  }

 protected:
  template <typename Request>
  void Address(const Destination& destination, Request* request) const {
    *request->mutable_route() = destination.route;
    request->set_content_id(content_->content_id());
    request->set_chunk(chunk_);
  }
  [[nodiscard]] const proto::Content& content() const { return *content_; }
  [[nodiscard]] uint32_t chunk() const { return chunk_; }

 private:
  const proto::Content* const content_;
  const uint32_t chunk_;
};

// A request that changes the chunk.
class ChangeCall : public OneChunkCall {
 public:
  ChangeCall(const proto::Content* content, uint32_t chunk, SessionId session,
             ChangeGenerations* generations)
      : OneChunkCall(content, chunk), session_(session), generations_(generations) {}
  void Unanswered() override { generations_->End(target().id, generation_); }
  bool stale_may_mean_cut() const override { return true; }

 protected:
  template <typename Request>
  void AddressChange(const Destination& destination, Request* request) {
    Address(destination, request);
    generation_ = generations_->Of(destination.target.id);
    request->set_cut(content().cut());
    request->set_session_id(session_.value());
    request->set_generation(generation_);
  }

 private:
  const SessionId session_;
  ChangeGenerations* const generations_;
  uint64_t generation_ = 0;  // of the last try
};

// Runs all of them; the first error.
template <typename Call>
absl::Status RunAll(ChunkCallRunner* runner, std::deque<Call>* calls) {
  std::vector<ChunkCall*> pointers;
  pointers.reserve(calls->size());
  for (Call& call : *calls) pointers.push_back(&call);
  runner->Run(std::move(pointers));
  for (const Call& call : *calls) WEFT_RETURN_IF_ERROR(call.result());
  return absl::OkStatus();
}

}  // namespace weft::client
