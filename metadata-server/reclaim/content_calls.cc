#include "metadata-server/reclaim/content_calls.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "common/status.h"

namespace weft::metadata {
namespace {

constexpr uint32_t kWholeTarget = UINT32_MAX;  // see Route.group

void SetRoute(const ClusterMap& map, TargetId target, proto::Route* route) {
  route->set_target_id(target.value());
  route->set_group(kWholeTarget);
  route->set_map_epoch(map.epoch().value());
}

}  // namespace

ContentCalls::ContentCalls(MapSource map, wire::Identity identity)
    : map_(std::move(map)), channels_(std::move(identity)) {}

void ContentCalls::CallEach(const ClusterMap& map, proto::StorageMethod method,
                            std::span<Call> calls, std::chrono::milliseconds timeout) {
  std::vector<std::unique_ptr<wire::PendingCall>> pending(calls.size());
  absl::flat_hash_map<TargetId, absl::Status> unreachable;  // one slow connect is enough
  for (size_t i = 0; i < calls.size(); ++i) {
    const TargetInfo* target = map.FindTarget(calls[i].target);
    if (target == nullptr) {
      calls[i].result = PosixError(ENXIO, "the cluster map does not have it");
      continue;
    }
    const auto known = unreachable.find(target->id);
    if (known != unreachable.end()) {
      calls[i].result = known->second;
      continue;
    }
    auto started = channels_.Get(target->address)
                       .Start({.method = static_cast<uint16_t>(method),
                               .request = calls[i].request,
                               .reply = calls[i].reply,
                               .timeout = timeout});
    calls[i].result = started.status();
    if (started.ok()) {
      pending[i] = *std::move(started);
    } else {
      unreachable.emplace(target->id, started.status());
    }
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    if (pending[i] != nullptr) calls[i].result = pending[i]->Finish().status();
    calls[i].result =
        Annotate(calls[i].result, "target " + std::to_string(calls[i].target.value()));
  }
}

template <typename Request, typename Reply>
absl::StatusOr<std::vector<Reply>> ContentCalls::CallTargetsOf(const proto::Content& content,
                                                               proto::StorageMethod method,
                                                               const Request& request,
                                                               std::chrono::milliseconds timeout) {
  const std::shared_ptr<const ClusterMap> map = map_();
  const std::vector<TargetId> targets = map->TargetsOf(content);
  std::vector<Request> requests(targets.size(), request);
  std::vector<Reply> replies(targets.size());
  std::vector<Call> calls;
  for (size_t i = 0; i < targets.size(); ++i) {
    SetRoute(*map, targets[i], requests[i].mutable_route());
    calls.push_back({.target = targets[i], .request = &requests[i], .reply = &replies[i]});
  }
  CallEach(*map, method, calls, timeout);
  for (const Call& call : calls) WEFT_RETURN_IF_ERROR(call.result);
  return replies;
}

absl::Status ContentCalls::CheckOnline(const proto::Content& content) const {
  const std::shared_ptr<const ClusterMap> map = map_();
  for (const TargetId target : map->TargetsOf(content)) {
    const TargetInfo* const info = map->FindTarget(target);
    if (info == nullptr || info->node_state != proto::NODE_OFFLINE) continue;
    return TransportError("target " + std::to_string(target.value()) + ": its node is offline");
  }
  return absl::OkStatus();
}

absl::Status ContentCalls::Truncate(const proto::Content& content, uint64_t size_bytes,
                                    std::chrono::milliseconds timeout) {
  proto::TruncateContentRequest request;
  request.set_content_id(content.content_id());
  request.set_size_bytes(size_bytes);
  request.set_chunk_bytes_log2(content.chunk_bytes_log2());
  request.set_cut(content.cut());
  return CallTargetsOf<proto::TruncateContentRequest, proto::TruncateContentReply>(
             content, proto::TRUNCATE_CONTENT, request, timeout)
      .status();
}

absl::StatusOr<StoredContent> ContentCalls::End(const proto::Content& content,
                                                std::chrono::milliseconds timeout) {
  proto::ContentEndRequest request;
  request.set_content_id(content.content_id());
  WEFT_ASSIGN_OR_RETURN(const auto replies,
                        (CallTargetsOf<proto::ContentEndRequest, proto::ContentEndReply>(
                            content, proto::CONTENT_END, request, timeout)));
  StoredContent stored;
  for (const proto::ContentEndReply& reply : replies) {
    stored.used_bytes += reply.used_bytes();
    if (!reply.has_chunks()) continue;
    const uint64_t end = (uint64_t{reply.last_chunk()} << content.chunk_bytes_log2()) +
                         reply.last_chunk_length_bytes();
    stored.end_bytes = std::max(stored.end_bytes, end);
  }
  return stored;
}

void ContentCalls::Remove(std::span<Removal> removals, std::chrono::milliseconds timeout) {
  const std::shared_ptr<const ClusterMap> map = map_();
  std::vector<proto::RemoveContentRequest> requests(removals.size());
  std::vector<proto::RemoveContentReply> replies(removals.size());
  std::vector<Call> calls;
  for (size_t i = 0; i < removals.size(); ++i) {
    SetRoute(*map, removals[i].target, requests[i].mutable_route());
    requests[i].set_content_id(removals[i].content.value());
    calls.push_back({.target = removals[i].target, .request = &requests[i], .reply = &replies[i]});
  }
  CallEach(*map, proto::REMOVE_CONTENT, calls, timeout);
  for (size_t i = 0; i < removals.size(); ++i) removals[i].result = calls[i].result;
}

}  // namespace weft::metadata
