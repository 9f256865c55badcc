// The hello: how both ends of a connection agree on a protocol version and a cluster.
//
// Thread-safe: pure functions, except GreetServer, which talks.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "common/wire/channel.h"
#include "common/wire/frame_io.h"
#include "proto/hello.pb.h"

namespace weft::wire {

inline constexpr uint32_t kOldestProtocolVersion = 1;
inline constexpr uint32_t kNewestProtocolVersion = kProtocolVersion;
inline constexpr size_t kMaxHelloBytes = 64 * 1024;
// Of the uuid and the name that a peer gives itself; they are kept as long as the connection.
inline constexpr size_t kMaxPeerTextBytes = 1024;

// What the accepting side is.
struct ServerIdentity {
  std::string name;
  std::string cluster_id;  // empty: not known yet
};

[[nodiscard]] proto::Hello MakeHello(const Identity& identity, proto::WireRole role);

// Decides on the hello message of a peer. Errors, whose text is for the peer: EPROTO for one that
// makes no sense, EPROTONOSUPPORT where no version is common, EPERM where the clusters differ.
[[nodiscard]] absl::StatusOr<proto::HelloReply> AnswerHello(const proto::Hello& hello,
                                                            const ServerIdentity& self);

// EPROTO for a message that is too long or malformed, or names that are too long.
[[nodiscard]] absl::StatusOr<proto::Hello> ParseHello(const FrameHeader& header,
                                                      std::string_view message);

// The connecting side: sends the hello and awaits the answer. A refusal is the PosixError that the
// server sent; all else is a transport error.
[[nodiscard]] absl::StatusOr<proto::HelloReply> GreetServer(Socket& socket, FrameReceiver& receiver,
                                                            const proto::Hello& hello,
                                                            Deadline deadline);

}  // namespace weft::wire
