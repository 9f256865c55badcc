// The calling half of the protocol over one greeted connection: a request out, its reply in.
//
// Used by the client's connections and, for callbacks, by the server. One call at a time. Not
// thread-safe. After any error but a PosixError that the peer answered with, IsUsable is false and
// the connection must be closed.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <utility>

#include "common/wire/channel.h"
#include "common/wire/frame_io.h"

namespace weft::wire {

class Exchange {
 public:
  // `socket` must outlive the exchange; `version` is what the hello settled on, and `receiver` has
  // read it.
  Exchange(Socket& socket, uint8_t version, FrameReceiver receiver)
      : socket_(socket), version_(version), receiver_(std::move(receiver)) {}

  // EMSGSIZE for what is too long to be sent; transport errors.
  [[nodiscard]] absl::Status Send(const CallSpec& spec, Deadline deadline);
  // True where the last Send failed before the kernel took a single byte.
  [[nodiscard]] bool SentNothing() const { return sent_nothing_; }

  // The bytes of payload received; EPROTO where more came than spec.receive has room for.
  [[nodiscard]] absl::StatusOr<size_t> Receive(const CallSpec& spec, Deadline deadline);

  // True between calls, as long as nothing has gone wrong.
  [[nodiscard]] bool IsUsable() const { return is_usable_; }
  [[nodiscard]] FrameReceiver& receiver() { return receiver_; }

 private:
  absl::StatusOr<size_t> ReceiveBody(const FrameHeader& header, const CallSpec& spec,
                                     Deadline deadline);

  Socket& socket_;
  const uint8_t version_;
  FrameHead head_;
  FrameReceiver receiver_;
  uint64_t request_id_ = 0;
  bool sent_nothing_ = true;
  bool is_usable_ = true;
};

}  // namespace weft::wire
