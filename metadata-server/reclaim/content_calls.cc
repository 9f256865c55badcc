#include "metadata-server/reclaim/content_calls.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"

namespace weft::metadata {
namespace {

constexpr uint32_t kWholeTarget = UINT32_MAX;

template <typename Request, typename Reply>
struct TargetCall {
  const TargetInfo* target = nullptr;
  Request request;
  Reply reply;
  std::unique_ptr<wire::PendingCall> pending;
};

absl::Status OfTarget(const absl::Status& status, const TargetInfo& target) {
  return Annotate(status,
                  "target " + std::to_string(target.id.value()) + " on " + target.node_name);
}

}  // namespace

ContentCalls::ContentCalls(MapSource map, wire::Identity identity)
    : map_(std::move(map)), channels_(std::move(identity)) {}

template <typename Request, typename Reply, typename OnReply>
absl::Status ContentCalls::CallAll(proto::StorageMethod method, const proto::Content& content,
                                   const Request& request, std::chrono::milliseconds timeout,
                                   const OnReply& on_reply) {
  const std::shared_ptr<const ClusterMap> map = map_();
  if (map == nullptr) return PosixError(EAGAIN, "there is no cluster map yet");
  std::deque<TargetCall<Request, Reply>> calls;  // a deque: calls must not move once started
  absl::Status first;
  for (const TargetId id : map->TargetsOf(content)) {
    auto& call = calls.emplace_back();
    call.target = map->FindTarget(id);
    call.request = request;
    proto::Route* route = call.request.mutable_route();
    route->set_target_id(id.value());
    route->set_group(kWholeTarget);
    route->set_map_epoch(map->epoch().value());
    auto pending = channels_.Get(call.target->address)
                       .Start({.method = static_cast<uint16_t>(method),
                               .request = &call.request,
                               .reply = &call.reply,
                               .timeout = timeout});
    if (pending.ok()) {
      call.pending = *std::move(pending);
    } else if (first.ok()) {
      first = OfTarget(pending.status(), *call.target);
    }
  }
  for (auto& call : calls) {
    if (call.pending == nullptr) continue;
    const absl::Status status = call.pending->Finish().status();
    if (status.ok()) {
      on_reply(call.reply);
    } else if (first.ok()) {
      first = OfTarget(status, *call.target);
    }
  }
  return first;
}

absl::Status ContentCalls::Truncate(const proto::Content& content, uint64_t size_bytes,
                                    std::chrono::milliseconds timeout) {
  proto::TruncateContentRequest request;
  request.set_content_id(content.content_id());
  request.set_size_bytes(size_bytes);
  request.set_chunk_bytes_log2(content.chunk_bytes_log2());
  request.set_cut(content.cut());
  return CallAll<proto::TruncateContentRequest, proto::TruncateContentReply>(
      proto::TRUNCATE_CONTENT, content, request, timeout,
      [](const proto::TruncateContentReply&) {});
}

absl::Status ContentCalls::Remove(const proto::Content& content,
                                  std::chrono::milliseconds timeout) {
  proto::RemoveContentRequest request;
  request.set_content_id(content.content_id());
  return CallAll<proto::RemoveContentRequest, proto::RemoveContentReply>(
      proto::REMOVE_CONTENT, content, request, timeout, [](const proto::RemoveContentReply&) {});
}

absl::StatusOr<uint64_t> ContentCalls::End(const proto::Content& content,
                                           std::chrono::milliseconds timeout) {
  proto::ContentEndRequest request;
  request.set_content_id(content.content_id());
  uint64_t end_bytes = 0;
  WEFT_RETURN_IF_ERROR((CallAll<proto::ContentEndRequest, proto::ContentEndReply>(
      proto::CONTENT_END, content, request, timeout, [&](const proto::ContentEndReply& reply) {
        if (!reply.has_chunks()) return;
        const uint64_t end = (uint64_t{reply.last_chunk()} << content.chunk_bytes_log2()) +
                             reply.last_chunk_length_bytes();
        end_bytes = std::max(end_bytes, end);
      })));
  return end_bytes;
}

}  // namespace weft::metadata
