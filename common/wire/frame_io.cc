#include "common/wire/frame_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "common/limits.h"
#include "common/status.h"

namespace weft::wire {
namespace {

absl::Status CheckLengths(size_t message_bytes, size_t payload_bytes) {
  if (message_bytes > kMaxWireHeaderBytes) {
    return PosixError(EMSGSIZE,
                      "message of " + std::to_string(message_bytes) + " bytes is too long");
  }
  if (payload_bytes > kMaxWirePayloadBytes) {
    return PosixError(EMSGSIZE,
                      "payload of " + std::to_string(payload_bytes) + " bytes is too long");
  }
  return absl::OkStatus();
}

}  // namespace

std::byte* FrameHead::Prepare(FrameHeader header, size_t message_bytes) {
  size_ = kFrameHeaderBytes + message_bytes;
  if (memory_.size() > kMaxKeptBytes && size_ <= kMaxKeptBytes) memory_ = {};
  if (memory_.size() < size_) memory_.resize(size_);
  header.message_bytes = static_cast<uint32_t>(message_bytes);
  const auto encoded = EncodeFrameHeader(header);
  std::copy(encoded.begin(), encoded.end(), memory_.begin());
  return memory_.data() + kFrameHeaderBytes;
}

absl::Status FrameHead::Encode(FrameHeader header, const google::protobuf::MessageLite& message) {
  const size_t message_bytes = message.ByteSizeLong();
  WEFT_RETURN_IF_ERROR(CheckLengths(message_bytes, header.payload_bytes));
  message.SerializeWithCachedSizesToArray(
      reinterpret_cast<uint8_t*>(Prepare(header, message_bytes)));
  return absl::OkStatus();
}

absl::Status FrameHead::Encode(FrameHeader header, std::string_view message) {
  WEFT_RETURN_IF_ERROR(CheckLengths(message.size(), header.payload_bytes));
  std::byte* const to = Prepare(header, message.size());
  if (!message.empty()) std::memcpy(to, message.data(), message.size());
  return absl::OkStatus();
}

absl::StatusOr<bool> FrameReceiver::Poll(Socket& socket) {
  Reset();
  WEFT_ASSIGN_OR_RETURN(end_, socket.ReceiveNow(std::span(memory_).first(kReadAheadBytes)));
  return end_ > 0;
}

absl::Status FrameReceiver::Fill(Socket& socket, size_t bytes, Deadline deadline) {
  if (memory_.size() - begin_ < bytes) {
    std::memmove(memory_.data(), memory_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (memory_.size() < bytes) memory_.resize(bytes);
  }
  while (end_ - begin_ < bytes) {
    const size_t most = std::max(bytes - (end_ - begin_), kReadAheadBytes);
    const size_t room = std::min(memory_.size() - end_, most);
    WEFT_ASSIGN_OR_RETURN(const size_t got,
                          socket.Receive(std::span(memory_).subspan(end_, room), deadline));
    end_ += got;
  }
  return absl::OkStatus();
}

absl::StatusOr<FrameHeader> FrameReceiver::ReceiveHead(Socket& socket, Deadline deadline) {
  if (!HasMore()) Reset();
  WEFT_RETURN_IF_ERROR(Fill(socket, kFrameHeaderBytes, deadline));
  WEFT_ASSIGN_OR_RETURN(
      const FrameHeader header,
      DecodeFrameHeader(std::span(memory_).subspan(begin_).first<kFrameHeaderBytes>()));
  WEFT_RETURN_IF_ERROR(Fill(socket, kFrameHeaderBytes + header.message_bytes, deadline));
  message_begin_ = begin_ + kFrameHeaderBytes;
  message_bytes_ = header.message_bytes;
  begin_ += kFrameHeaderBytes + message_bytes_;
  return header;
}

std::string_view FrameReceiver::message() const {
  return {reinterpret_cast<const char*>(memory_.data()) + message_begin_, message_bytes_};
}

absl::Status FrameReceiver::ReceivePayload(Socket& socket, IovecCursor& into, Deadline deadline) {
  const size_t here = std::min(end_ - begin_, into.left_bytes());
  into.CopyIn(std::span(memory_).subspan(begin_, here));
  begin_ += here;
  return socket.ReceiveAll(into, deadline);
}

void FrameReceiver::Reset() {
  begin_ = 0;
  end_ = 0;
  message_begin_ = 0;
  message_bytes_ = 0;
  if (memory_.size() > kMaxKeptBytes) memory_ = std::vector<std::byte>(kReadAheadBytes);
}

}  // namespace weft::wire
