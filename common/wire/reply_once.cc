#include "common/wire/reply_once.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>

#include "common/limits.h"
#include "common/status.h"

namespace weft::wire {
namespace {

constexpr size_t kMaxErrorTextBytes = 4096;

}  // namespace

ReplyOnce::ReplyOnce(Socket& socket, FrameHead& head, const FrameHeader& request,
                     std::chrono::milliseconds io_timeout)
    : socket_(socket),
      head_(head),
      header_{.version = request.version,
              .kind = FrameKind::kReply,
              .method = request.method,
              .request_id = request.request_id},
      io_timeout_(io_timeout) {}

bool ReplyOnce::Claim() {
  if (!has_replied_) return has_replied_ = true;
  spdlog::error("method {} was answered twice, req={}", header_.method, header_.request_id);
  return false;
}

void ReplyOnce::Ok(const google::protobuf::MessageLite& message, std::span<const iovec> payload) {
  if (!Claim() || !EncodeOk(message, TotalBytes(payload))) return;
  SendHead(payload, More::kNo, After(io_timeout_));
}

void ReplyOnce::OkFromFile(const google::protobuf::MessageLite& message,
                           std::span<const FileRange> payload) {
  size_t payload_bytes = 0;
  for (const FileRange& range : payload) payload_bytes += range.length_bytes;
  if (!Claim() || !EncodeOk(message, payload_bytes)) return;
  const Deadline deadline = After(io_timeout_);
  SendHead({}, payload_bytes > 0 ? More::kYes : More::kNo, deadline);
  for (const FileRange& range : payload) {
    if (!sent_.ok()) return;
    payload_bytes -= range.length_bytes;
    const More more = payload_bytes > 0 ? More::kYes : More::kNo;
    sent_ = range.fd < 0
                ? socket_.SendZeros(range.length_bytes, more, deadline)
                : socket_.SendFile(range.fd, range.offset_bytes, range.length_bytes, deadline);
  }
}

void ReplyOnce::Error(const absl::Status& status) {
  if (Claim()) SendError(status);
}

absl::Status ReplyOnce::Settle() {
  if (!has_replied_) {
    spdlog::error("method {} was not answered, req={}", header_.method, header_.request_id);
    Error(PosixError(EIO, "the server has no answer"));
  }
  return sent_;
}

bool ReplyOnce::EncodeOk(const google::protobuf::MessageLite& message, size_t payload_bytes) {
  // What does not even fit the header is cut to what is certainly refused.
  header_.payload_bytes =
      static_cast<uint32_t>(std::min<size_t>(payload_bytes, std::numeric_limits<uint32_t>::max()));
  const absl::Status status = head_.Encode(header_, message);
  if (status.ok()) return true;
  spdlog::error("answer to method {} cannot be sent, req={}: {}", header_.method,
                header_.request_id, MessageOf(status));
  SendError(status);
  return false;
}

void ReplyOnce::SendError(const absl::Status& status) {
  header_.payload_bytes = 0;
  header_.status = status.ok() ? EIO : ErrnoOf(status);
  const std::string text = MessageOf(status);
  sent_ = head_.Encode(header_, std::string_view(text).substr(0, kMaxErrorTextBytes));
  if (sent_.ok()) SendHead({}, More::kNo, After(io_timeout_));
}

void ReplyOnce::SendHead(std::span<const iovec> payload, More more, Deadline deadline) {
  IovecCursor cursor(head_.bytes(), payload, head_.bytes().size() + header_.payload_bytes);
  sent_ = socket_.SendAll(cursor, more, deadline);
}

}  // namespace weft::wire
