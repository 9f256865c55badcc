// The seed of a random test: WEFT_SEED where it is set, else a new one. Tests print it on failure.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace weft::metadata {

[[nodiscard]] inline uint64_t TestSeed() {
  const char* const given = std::getenv("WEFT_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

}  // namespace weft::metadata
