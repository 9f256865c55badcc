#include "common/wire/hello.h"

#include <algorithm>
#include <cerrno>

#include "common/status.h"
#include "common/version.h"

namespace weft::wire {
namespace {

std::string Range(uint32_t low, uint32_t high) {
  return low == high ? std::to_string(low) : std::to_string(low) + " to " + std::to_string(high);
}

}  // namespace

proto::Hello MakeHello(const Identity& identity, proto::WireRole role) {
  proto::Hello hello;
  hello.set_min_version(kOldestProtocolVersion);
  hello.set_max_version(kNewestProtocolVersion);
  if (identity.cluster_id) hello.set_cluster_id(identity.cluster_id());
  hello.set_uuid(identity.uuid);
  hello.set_name(identity.name);
  hello.set_role(role);
  hello.set_release(kVersion);
  return hello;
}

absl::StatusOr<proto::HelloReply> AnswerHello(const proto::Hello& hello,
                                              const ServerIdentity& self) {
  if (hello.min_version() == 0 || hello.min_version() > hello.max_version()) {
    return PosixError(EPROTO, "hello with protocol versions " +
                                  std::to_string(hello.min_version()) + " to " +
                                  std::to_string(hello.max_version()));
  }
  const uint32_t version = std::min(hello.max_version(), kNewestProtocolVersion);
  if (version < std::max(hello.min_version(), kOldestProtocolVersion)) {
    return PosixError(EPROTONOSUPPORT,
                      "no common protocol version: " + self.name + " (release " + kVersion +
                          ") speaks " + Range(kOldestProtocolVersion, kNewestProtocolVersion) +
                          ", " + hello.name() + " (release " + hello.release() + ") speaks " +
                          Range(hello.min_version(), hello.max_version()));
  }
  if (!hello.cluster_id().empty() && !self.cluster_id.empty() &&
      hello.cluster_id() != self.cluster_id) {
    return PosixError(EPERM, "wrong cluster: " + self.name + " belongs to " + self.cluster_id +
                                 ", " + hello.name() + " belongs to " + hello.cluster_id());
  }
  proto::HelloReply reply;
  reply.set_version(version);
  reply.set_cluster_id(self.cluster_id);
  reply.set_name(self.name);
  reply.set_release(kVersion);
  return reply;
}

absl::StatusOr<proto::Hello> ParseHello(const FrameHeader& header, std::string_view message) {
  if (header.kind != FrameKind::kHello) return PosixError(EPROTO, "the first frame is no hello");
  if (message.size() > kMaxHelloBytes || header.payload_bytes > 0) {
    return PosixError(EPROTO, "too long a hello");
  }
  proto::Hello hello;
  if (!hello.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return PosixError(EPROTO, "malformed hello");
  }
  for (const std::string* text :
       {&hello.uuid(), &hello.name(), &hello.cluster_id(), &hello.release()}) {
    if (text->size() > kMaxPeerTextBytes) return PosixError(EPROTO, "hello with too long a text");
  }
  return hello;
}

absl::StatusOr<proto::HelloReply> GreetServer(Socket& socket, FrameReceiver& receiver,
                                              const proto::Hello& hello, Deadline deadline) {
  FrameHead head;
  FrameHeader header{.version = static_cast<uint8_t>(hello.max_version()),
                     .kind = FrameKind::kHello};
  WEFT_RETURN_IF_ERROR(head.Encode(header, hello));
  IovecCursor cursor(head.bytes(), {}, head.bytes().size());
  WEFT_RETURN_IF_ERROR(socket.SendAll(cursor, More::kNo, deadline));

  const absl::StatusOr<FrameHeader> answer = receiver.ReceiveHead(socket, deadline);
  if (!answer.ok()) {
    return IsTransport(answer.status()) ? answer.status()
                                        : TransportError(MessageOf(answer.status()));
  }
  if (answer->kind != FrameKind::kHelloReply || answer->payload_bytes > 0 || answer->status < 0) {
    return TransportError("the server's first frame is no answer to a hello");
  }
  if (answer->status > 0) return PosixError(answer->status, receiver.message());
  proto::HelloReply reply;
  const std::string_view message = receiver.message();
  if (!reply.ParseFromArray(message.data(), static_cast<int>(message.size())) ||
      reply.version() < hello.min_version() || reply.version() > hello.max_version()) {
    return TransportError("malformed answer to a hello");
  }
  return reply;
}

}  // namespace weft::wire
