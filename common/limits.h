// Bounds that more than one component relies on, and how they relate. Bytes unless the name says
// else.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft {

inline constexpr uint32_t kBlockBytes = 4096;  // unit of checksums and of disk space
inline constexpr uint32_t kMinChunkBytesLog2 = 16;
inline constexpr uint32_t kMaxChunkBytesLog2 = 26;
inline constexpr uint32_t kDefaultChunkBytesLog2 = 20;
inline constexpr uint32_t kMaxChunkBytes = uint32_t{1} << kMaxChunkBytesLog2;

inline constexpr uint32_t kDefaultInlineMaxBytes = 16 * 1024;
inline constexpr uint32_t kLargestInlineMaxBytes = 64 * 1024;

inline constexpr uint32_t kDefaultGroups = 1024;
inline constexpr uint32_t kMaxGroups = 65536;
inline constexpr uint32_t kDefaultWidth = 64;
inline constexpr uint32_t kMaxWidth = 1024;

inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxSymlinkBytes = 4095;
inline constexpr size_t kMaxXattrTotalBytes = 64 * 1024;
inline constexpr uint32_t kMaxLinks = 65000;
// Supplementary groups of a caller that are sent; the kernel allows 65,536.
inline constexpr size_t kMaxCallerGroups = 1024;
// Entries of an ACL: the kernel reads no more than a page of one (8 bytes each behind 4).
inline constexpr size_t kMaxAclEntries = 511;

// A file ends below this; chunk numbers fit 32 bits, and off_t is signed.
[[nodiscard]] constexpr uint64_t MaxFileBytes(uint32_t chunk_bytes_log2) {
  return (uint64_t{1} << (32 + chunk_bytes_log2)) - kBlockBytes;
}

// The wire: nothing longer is allocated for or sent.
inline constexpr uint32_t kMaxWireHeaderBytes = 4 * 1024 * 1024;
inline constexpr uint32_t kMaxWirePayloadBytes = kMaxChunkBytes;

static_assert(MaxFileBytes(kMaxChunkBytesLog2) <= INT64_MAX);
static_assert((uint32_t{1} << kMinChunkBytesLog2) % kBlockBytes == 0);
static_assert(kDefaultInlineMaxBytes <= kLargestInlineMaxBytes);
static_assert(kLargestInlineMaxBytes <= (uint32_t{1} << kMinChunkBytesLog2));
static_assert(kDefaultWidth <= kDefaultGroups && kMaxWidth <= kMaxGroups);

}  // namespace weft
