// One connection that this process opened to a server, with the hello behind it.
//
// Not thread-safe, except that Socket::Shutdown may be called from any thread.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <utility>

#include "common/wire/exchange.h"
#include "common/wire/hello.h"

namespace weft::wire {

class ClientConnection {
 public:
  // Connects and greets. Errors name the address: a transport error, or the server's refusal.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ClientConnection>> Open(
      const std::string& address, const Identity& identity, proto::WireRole role,
      Deadline deadline);

  // Made by Open.
  ClientConnection(Socket socket, uint8_t version, FrameReceiver receiver)
      : socket_(std::move(socket)),
        version_(version),
        exchange_(socket_, version, std::move(receiver)) {}
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] Exchange& exchange() { return exchange_; }
  [[nodiscard]] uint8_t version() const { return version_; }

  // True where another call may use it: all went well, and the server has not closed it meanwhile.
  [[nodiscard]] bool IsFresh() const { return exchange_.IsUsable() && socket_.IsQuiet(); }

 private:
  Socket socket_;
  const uint8_t version_;
  Exchange exchange_;
};

}  // namespace weft::wire
