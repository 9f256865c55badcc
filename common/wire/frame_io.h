// Frames over a socket: composing what is sent, and receiving with little reading ahead.
//
// What is read ahead is at most kReadAheadBytes, so that a small frame takes one system call and of
// a large payload hardly anything is copied: the rest goes from the socket to where it belongs.
// Nothing here is thread-safe.
#pragma once

#include <absl/status/statusor.h>
#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "common/wire/frame.h"
#include "common/wire/socket.h"

namespace weft::wire {

inline constexpr size_t kReadAheadBytes = 8 * 1024;
// Memory that a connection or worker keeps between frames.
inline constexpr size_t kMaxKeptBytes = 256 * 1024;

// The header and message of one frame, encoded for sending. Its memory is used again and again.
class FrameHead {
 public:
  // Fills in header.message_bytes. EMSGSIZE where the message or header.payload_bytes is too long.
  [[nodiscard]] absl::Status Encode(FrameHeader header,
                                    const google::protobuf::MessageLite& message);
  [[nodiscard]] absl::Status Encode(FrameHeader header, std::string_view message);

  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(memory_).first(size_); }

 private:
  // Where the message goes; the header is written.
  std::byte* Prepare(FrameHeader header, size_t message_bytes);

  std::vector<std::byte> memory_;
  size_t size_ = 0;
};

// Receives one frame after the other: head (header and message), then payload.
class FrameReceiver {
 public:
  // Starts anew, with what is there without waiting. False where nothing is.
  [[nodiscard]] absl::StatusOr<bool> Poll(Socket& socket);
  // Waits for a frame's header and message. EPROTO for a frame that breaks a bound. All of the
  // previous frame must have been taken.
  [[nodiscard]] absl::StatusOr<FrameHeader> ReceiveHead(Socket& socket, Deadline deadline);
  // Message of the frame whose head was received; valid until the next call to this object.
  [[nodiscard]] std::string_view message() const;
  // Receives the payload, whose length must be that of `into`.
  [[nodiscard]] absl::Status ReceivePayload(Socket& socket, IovecCursor& into, Deadline deadline);

  // True where bytes behind the last frame have been read already.
  [[nodiscard]] bool HasMore() const { return begin_ < end_; }

 private:
  // Forgets what was read.
  void Reset();
  // Reads until `bytes` are there behind begin_.
  absl::Status Fill(Socket& socket, size_t bytes, Deadline deadline);

  std::vector<std::byte> memory_ = std::vector<std::byte>(kReadAheadBytes);
  size_t begin_ = 0;  // of what was read and not taken
  size_t end_ = 0;
  size_t message_begin_ = 0;
  size_t message_bytes_ = 0;
};

}  // namespace weft::wire
