// Integers in keys: eight bytes, big-endian, so that byte order is numeric order. Thread-safe: pure
// functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::metadata {

inline constexpr size_t kBigEndianBytes = 8;

inline void AppendBigEndian(std::string* key, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) key->push_back(static_cast<char>(value >> shift));
}

// `bytes` must have kBigEndianBytes at least; what follows is ignored.
[[nodiscard]] inline uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kBigEndianBytes; ++i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace weft::metadata
