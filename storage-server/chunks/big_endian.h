// Integers in the keys of the index, so that keys stand in the order of the numbers. Thread-safe:
// pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::storage {

template <typename Int>
void PutBigEndian(std::string* out, Int value) {
  for (int shift = (sizeof(Int) - 1) * 8; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

// `bytes` has at least sizeof(Int).
template <typename Int>
[[nodiscard]] Int GetBigEndian(std::string_view bytes) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) {
    value = static_cast<Int>(value << 8) | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

}  // namespace weft::storage
