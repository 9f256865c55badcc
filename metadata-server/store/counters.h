// Rows of counters (HasCounters in kv_store.h): signed integers of eight bytes, big-endian, two's
// complement, one behind the other. What a row is too short for is 0. Thread-safe: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::metadata {

[[nodiscard]] std::string FormatCounters(std::span<const int64_t> counters);
[[nodiscard]] int64_t ReadCounter(std::string_view row, size_t index);
// Counter by counter; a sum beyond 64 bits wraps.
[[nodiscard]] std::string SumOfCounters(std::string_view row, std::string_view addends);

}  // namespace weft::metadata
