#include "common/wire/exchange.h"

#include <cerrno>
#include <string>

#include "common/limits.h"
#include "common/status.h"

namespace weft::wire {
namespace {

constexpr int32_t kLargestErrno = 4095;  // as in the kernel

absl::Status Broken(const std::string& what) {
  return TransportError("the peer broke the protocol: " + what);
}

}  // namespace

absl::Status Exchange::Send(const CallSpec& spec, Deadline deadline) {
  const size_t payload_bytes = TotalBytes(spec.payload);
  if (payload_bytes > kMaxWirePayloadBytes) {
    return PosixError(EMSGSIZE, "a payload of " + std::to_string(payload_bytes) + " bytes");
  }
  WEFT_RETURN_IF_ERROR(head_.Encode({.version = version_,
                                     .kind = FrameKind::kRequest,
                                     .method = spec.method,
                                     .request_id = ++request_id_,
                                     .payload_bytes = static_cast<uint32_t>(payload_bytes)},
                                    *spec.request));
  is_usable_ = false;
  const size_t total = head_.bytes().size() + payload_bytes;
  IovecCursor cursor(head_.bytes(), spec.payload, total);
  const absl::Status status = socket_.SendAll(cursor, More::kNo, deadline);
  sent_nothing_ = cursor.left_bytes() == total;
  return status;
}

absl::StatusOr<size_t> Exchange::Receive(const CallSpec& spec, Deadline deadline) {
  const absl::StatusOr<FrameHeader> header = receiver_.ReceiveHead(socket_, deadline);
  if (!header.ok()) {
    return IsTransport(header.status()) ? header.status() : Broken(MessageOf(header.status()));
  }
  if (header->kind != FrameKind::kReply || header->request_id != request_id_ ||
      header->version != version_) {
    return Broken("not the reply to the request");
  }
  if (header->status == 0) return ReceiveBody(*header, spec, deadline);
  if (header->status < 0 || header->status > kLargestErrno || header->payload_bytes > 0 ||
      receiver_.HasMore()) {
    return Broken("malformed error");
  }
  is_usable_ = true;
  return PosixError(header->status, receiver_.message());
}

absl::StatusOr<size_t> Exchange::ReceiveBody(const FrameHeader& header, const CallSpec& spec,
                                             Deadline deadline) {
  const std::string_view message = receiver_.message();
  if (spec.reply != nullptr &&
      !spec.reply->ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return Broken("malformed reply to method " + std::to_string(spec.method));
  }
  if (header.payload_bytes > 0) {
    IovecCursor cursor(spec.receive, header.payload_bytes);
    if (cursor.left_bytes() < header.payload_bytes) {
      return PosixError(EPROTO, "a reply with " + std::to_string(header.payload_bytes) +
                                    " bytes of payload, more than there is room for");
    }
    WEFT_RETURN_IF_ERROR(receiver_.ReceivePayload(socket_, cursor, deadline));
  }
  if (receiver_.HasMore()) return Broken("bytes after the reply");
  is_usable_ = true;
  return header.payload_bytes;
}

}  // namespace weft::wire
