// Sizes and durations as people write them in options, and back. Thread-safe: pure functions.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::config {

// What ParseSize and ParseDuration take, for error texts.
inline constexpr char kSizeSyntax[] = "a size in bytes such as 4096, 64K, 64M, 1GiB";
inline constexpr char kDurationSyntax[] = "a duration such as 100ms, 5s, 2m, 1h";

// Bytes. A number and an optional binary suffix K, M, G, T, P, also written KiB and so on, in any
// case; "64M" is 64 * 2^20. Decimal suffixes (MB) are refused, because people mean either by them.
// EINVAL without a text of its own: the caller names the option and kSizeSyntax.
[[nodiscard]] absl::StatusOr<uint64_t> ParseSize(std::string_view text);

// A number and one of the suffixes ms, s, m, h; only 0 may stand without. EINVAL as above.
[[nodiscard]] absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);

// The shortest text that the functions above read back as the same value: "64MiB", "1500ms", "5s".
[[nodiscard]] std::string FormatSize(uint64_t bytes);
[[nodiscard]] std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace weft::config
