// The frame: what goes over a wire connection, in both directions (docs/formats.md, "Wire").
//
// Fixed little-endian header of kFrameHeaderBytes, then a protobuf message, then raw payload.
// Parsing checks every bound before anything is allocated. Thread-safe: pure functions.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <span>

namespace weft::wire {

inline constexpr uint32_t kFrameMagic = 0x54464557;  // "WEFT"
inline constexpr uint8_t kProtocolVersion = 1;
inline constexpr size_t kFrameHeaderBytes = 40;

enum class FrameKind : uint8_t { kHello = 1, kHelloReply = 2, kRequest = 3, kReply = 4 };

// Offsets in the encoded header are in comments.
struct FrameHeader {
  uint8_t version = kProtocolVersion;    // 4 (0 is the magic)
  FrameKind kind = FrameKind::kRequest;  // 5
  uint16_t method = 0;                   // 6
  uint32_t flags = 0;                    // 8; none is defined yet: must be 0
  int32_t status = 0;                    // 12; errno of a reply, 0 for success
  uint64_t request_id = 0;               // 16; the reply repeats it
  uint32_t message_bytes = 0;            // 24
  uint32_t payload_bytes = 0;            // 28
  uint64_t reserved = 0;                 // 32; must be 0
};

[[nodiscard]] std::array<std::byte, kFrameHeaderBytes> EncodeFrameHeader(const FrameHeader& header);

// EPROTO with the reason: wrong magic, unknown kind, non-zero reserved bits, lengths over
// kMaxWireHeaderBytes or kMaxWirePayloadBytes. Any version is accepted here: the hello decides.
[[nodiscard]] absl::StatusOr<FrameHeader> DecodeFrameHeader(
    std::span<const std::byte, kFrameHeaderBytes> bytes);

}  // namespace weft::wire
