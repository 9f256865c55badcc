#include "common/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <array>
#include <climits>

#include "common/limits.h"

namespace weft {

uint32_t Crc32cExtend(uint32_t crc, std::span<const std::byte> bytes) {
  crc = ~crc;
  while (!bytes.empty()) {  // ISA-L takes an int
    const size_t length = std::min<size_t>(bytes.size(), INT_MAX);
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    crc = crc32_iscsi(data, static_cast<int>(length), crc);
    bytes = bytes.subspan(length);
  }
  return ~crc;
}

uint32_t Crc32c(std::span<const std::byte> bytes) { return Crc32cExtend(0, bytes); }

uint32_t Crc32cOfZeroBlock() {
  static constexpr std::array<std::byte, kBlockBytes> kZeros{};
  static const uint32_t crc = Crc32c(kZeros);
  return crc;
}

std::vector<uint32_t> Crc32cOfPieces(uint64_t offset_bytes, std::span<const std::byte> bytes) {
  std::vector<uint32_t> crcs;
  crcs.reserve(bytes.size() / kBlockBytes + 2);
  while (!bytes.empty()) {
    const size_t to_boundary = kBlockBytes - offset_bytes % kBlockBytes;
    const size_t length = std::min(bytes.size(), to_boundary);
    crcs.push_back(Crc32c(bytes.first(length)));
    bytes = bytes.subspan(length);
    offset_bytes += length;
  }
  return crcs;
}

bool MatchesBlocks(std::span<const std::byte> bytes, std::span<const uint32_t> block_crc32c) {
  if (block_crc32c.size() != (bytes.size() + kBlockBytes - 1) / kBlockBytes) return false;
  for (const uint32_t crc : block_crc32c) {
    const size_t length = std::min<size_t>(bytes.size(), kBlockBytes);
    if (Crc32c(bytes.first(length)) != crc) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

}  // namespace weft
