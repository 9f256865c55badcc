#include "common/wire/frame.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "common/limits.h"
#include "common/status.h"

namespace weft::wire {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the encoding copies integers as they are");

constexpr size_t kMagicAt = 0;
constexpr size_t kVersionAt = 4;
constexpr size_t kKindAt = 5;
constexpr size_t kMethodAt = 6;
constexpr size_t kFlagsAt = 8;
constexpr size_t kStatusAt = 12;
constexpr size_t kRequestIdAt = 16;
constexpr size_t kMessageBytesAt = 24;
constexpr size_t kPayloadBytesAt = 28;
constexpr size_t kReservedAt = 32;
static_assert(kReservedAt + sizeof(uint64_t) == kFrameHeaderBytes);

template <typename Int>
Int Get(std::span<const std::byte, kFrameHeaderBytes> bytes, size_t at) {
  Int value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

template <typename Int>
void Put(std::array<std::byte, kFrameHeaderBytes>& bytes, size_t at, Int value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

absl::Status Broken(const char* what, uint64_t value) {
  return PosixError(EPROTO, std::string("frame with ") + what + " " + std::to_string(value));
}

}  // namespace

std::array<std::byte, kFrameHeaderBytes> EncodeFrameHeader(const FrameHeader& header) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  Put(bytes, kMagicAt, kFrameMagic);
  Put(bytes, kVersionAt, header.version);
  Put(bytes, kKindAt, header.kind);
  Put(bytes, kMethodAt, header.method);
  Put(bytes, kFlagsAt, header.flags);
  Put(bytes, kStatusAt, header.status);
  Put(bytes, kRequestIdAt, header.request_id);
  Put(bytes, kMessageBytesAt, header.message_bytes);
  Put(bytes, kPayloadBytesAt, header.payload_bytes);
  Put(bytes, kReservedAt, header.reserved);
  return bytes;
}

absl::StatusOr<FrameHeader> DecodeFrameHeader(std::span<const std::byte, kFrameHeaderBytes> bytes) {
  const auto magic = Get<uint32_t>(bytes, kMagicAt);
  if (magic != kFrameMagic) return Broken("wrong magic", magic);
  const auto kind = Get<uint8_t>(bytes, kKindAt);
  if (kind < static_cast<uint8_t>(FrameKind::kHello) ||
      kind > static_cast<uint8_t>(FrameKind::kReply)) {
    return Broken("unknown kind", kind);
  }
  const FrameHeader header{
      .version = Get<uint8_t>(bytes, kVersionAt),
      .kind = static_cast<FrameKind>(kind),
      .method = Get<uint16_t>(bytes, kMethodAt),
      .flags = Get<uint32_t>(bytes, kFlagsAt),
      .status = Get<int32_t>(bytes, kStatusAt),
      .request_id = Get<uint64_t>(bytes, kRequestIdAt),
      .message_bytes = Get<uint32_t>(bytes, kMessageBytesAt),
      .payload_bytes = Get<uint32_t>(bytes, kPayloadBytesAt),
      .reserved = Get<uint64_t>(bytes, kReservedAt),
  };
  if (header.flags != 0) return Broken("unknown flags", header.flags);
  if (header.reserved != 0) return Broken("non-zero reserved bytes", header.reserved);
  if (header.message_bytes > kMaxWireHeaderBytes) {
    return Broken("too long a message:", header.message_bytes);
  }
  if (header.payload_bytes > kMaxWirePayloadBytes) {
    return Broken("too long a payload:", header.payload_bytes);
  }
  return header;
}

}  // namespace weft::wire
