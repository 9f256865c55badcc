#include "common/wire/client_connection.h"

#include <utility>

#include "common/status.h"
#include "common/wire/address.h"

namespace weft::wire {

absl::StatusOr<std::unique_ptr<ClientConnection>> ClientConnection::Open(const std::string& address,
                                                                         const Identity& identity,
                                                                         proto::WireRole role,
                                                                         Deadline deadline) {
  WEFT_ASSIGN_OR_RETURN(Socket socket, Connect(address, deadline));
  FrameReceiver receiver;
  const auto reply = GreetServer(socket, receiver, MakeHello(identity, role), deadline);
  if (!reply.ok()) return Annotate(reply.status(), address);
  return std::make_unique<ClientConnection>(
      std::move(socket), static_cast<uint8_t>(reply->version()), std::move(receiver));
}

}  // namespace weft::wire
