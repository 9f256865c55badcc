// The Responder of one request: sends the reply on the connection that the request came from.
#pragma once

#include <chrono>

#include "common/wire/frame_io.h"
#include "common/wire/server.h"

namespace weft::wire {

class ReplyOnce final : public Responder {
 public:
  // `socket` and `head` must outlive it. `io_timeout` bounds the sending.
  ReplyOnce(Socket& socket, FrameHead& head, const FrameHeader& request,
            std::chrono::milliseconds io_timeout);

  void Ok(const google::protobuf::MessageLite& message, std::span<const iovec> payload) override;
  void OkFromFile(const google::protobuf::MessageLite& message,
                  std::span<const FileRange> payload) override;
  void Error(const absl::Status& status) override;

  // Sends EIO where nothing was sent. Returns how the sending went; after an error the connection
  // is of no use.
  [[nodiscard]] absl::Status Settle();

 private:
  // True for the first reply; a second is a bug of the handler and is dropped.
  bool Claim();
  // Encodes a success into head_, or sends the error where it is too long.
  bool EncodeOk(const google::protobuf::MessageLite& message, size_t payload_bytes);
  void SendError(const absl::Status& status);
  void SendHead(std::span<const iovec> payload, More more, Deadline deadline);

  Socket& socket_;
  FrameHead& head_;
  FrameHeader header_;
  const std::chrono::milliseconds io_timeout_;
  bool has_replied_ = false;
  absl::Status sent_;
};

}  // namespace weft::wire
