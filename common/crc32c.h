// CRC32C (Castagnoli; RFC 3720 appendix B.4: reflected, initial value and final XOR of all ones)
// through ISA-L. Thread-safe: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weft {

// CRC32C of `bytes`. Crc32c of "123456789" is 0xE3069283.
[[nodiscard]] uint32_t Crc32c(std::span<const std::byte> bytes);

// CRC32C of a, b joined: Crc32cExtend(Crc32c(a), b).
[[nodiscard]] uint32_t Crc32cExtend(uint32_t crc, std::span<const std::byte> bytes);

// CRC32C of a whole block (kBlockBytes) of zeros.
[[nodiscard]] uint32_t Crc32cOfZeroBlock();

// One CRC32C for each piece of `bytes`, cut at multiples of kBlockBytes of the chunk it belongs to,
// where `bytes` starts at `offset_bytes`: only the first and the last piece may be shorter.
[[nodiscard]] std::vector<uint32_t> Crc32cOfPieces(uint64_t offset_bytes,
                                                   std::span<const std::byte> bytes);

// Does each block (kBlockBytes, the last one may be shorter) of `bytes` have the CRC32C given for
// it? No, too, where there is not one for each.
[[nodiscard]] bool MatchesBlocks(std::span<const std::byte> bytes,
                                 std::span<const uint32_t> block_crc32c);

}  // namespace weft
