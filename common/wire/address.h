// From "host:port" to sockets: listening and connecting, tuned for the wire. Thread-safe: pure
// functions.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "common/unique_fd.h"
#include "common/wire/socket.h"

namespace weft::wire {

struct HostPort {
  std::string host;  // name or number; without the brackets of an IPv6 address
  std::string port;
};

// "host:port" or "[host]:port". EINVAL naming the text otherwise.
[[nodiscard]] absl::StatusOr<HostPort> ParseAddress(std::string_view text);

// A non-blocking listening socket. Errors name the address.
[[nodiscard]] absl::StatusOr<UniqueFd> Listen(const std::string& address);

// EINVAL for a malformed address; otherwise transport errors.
[[nodiscard]] absl::StatusOr<Socket> Connect(const std::string& address, Deadline deadline);

// Sets what every wire socket has: no delay, "cubic", keepalive. Failures are ignored: all of it is
// tuning.
void Tune(int fd);

// Port that the socket is bound to; 0 where that is unknown.
[[nodiscard]] uint16_t LocalPort(int fd);
// "ip:port" of the other end, for logs.
[[nodiscard]] std::string PeerAddress(int fd);

}  // namespace weft::wire
