// Bounds of the numbers in storage requests. Every error is EINVAL and names the field, its value
// and what is allowed. Thread-safe: pure functions.
#pragma once

#include <absl/status/status.h>

#include <cstdint>

namespace weft::storage {

[[nodiscard]] absl::Status CheckContentId(uint64_t content_id);
[[nodiscard]] absl::Status CheckChunkBytesLog2(uint32_t chunk_bytes_log2);

// [offset, offset + length) is not empty and ends within a chunk of chunk_bytes.
[[nodiscard]] absl::Status CheckRange(uint32_t offset_bytes, uint64_t length_bytes,
                                      uint64_t chunk_bytes);

// There is one checksum for each piece of [offset, offset + length), cut at block boundaries.
[[nodiscard]] absl::Status CheckPieceCount(uint64_t pieces, uint32_t offset_bytes,
                                           uint64_t length_bytes);

// A size that a content with such chunks may be cut to.
[[nodiscard]] absl::Status CheckContentSize(uint64_t size_bytes, uint32_t chunk_bytes_log2);

}  // namespace weft::storage
