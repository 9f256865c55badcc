#include "common/config/units.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "common/status.h"

namespace weft::config {
namespace {

constexpr char kSizePrefixes[] = "kmgtp";

constexpr std::pair<std::string_view, uint64_t> kDurationSuffixes[] = {
    {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// The number that `text` starts with; the rest of it stays in `*text`.
std::optional<uint64_t> TakeNumber(std::string_view* text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(end - text->data());
  return number;
}

absl::StatusOr<uint64_t> Multiply(uint64_t number, uint64_t unit, uint64_t most) {
  if (number > most / unit) return PosixError(EINVAL, "too large");
  return number * unit;
}

// 2^shift of "", "b", "m", "mib"; nothing for what is no suffix.
std::optional<uint32_t> SizeShift(const std::string& suffix) {
  if (suffix.empty() || suffix == "b") return 0;
  const size_t index = std::string_view(kSizePrefixes).find(suffix[0]);
  if (index == std::string_view::npos) return std::nullopt;
  if (suffix.size() != 1 && suffix.substr(1) != "ib") return std::nullopt;
  return 10 * (static_cast<uint32_t>(index) + 1);
}

}  // namespace

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  const std::optional<uint64_t> number = TakeNumber(&text);
  if (!number) return PosixError(EINVAL, "not a number");
  const std::optional<uint32_t> shift = SizeShift(Lower(text));
  if (!shift) return PosixError(EINVAL, "unknown suffix");
  return Multiply(*number, uint64_t{1} << *shift, std::numeric_limits<uint64_t>::max());
}

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const std::optional<uint64_t> number = TakeNumber(&text);
  if (!number) return PosixError(EINVAL, "not a number");
  const std::string suffix = Lower(text);
  for (const auto& [name, unit_ms] : kDurationSuffixes) {
    if (suffix != name) continue;
    WEFT_ASSIGN_OR_RETURN(const uint64_t total_ms,
                          Multiply(*number, unit_ms, std::numeric_limits<int64_t>::max()));
    return std::chrono::milliseconds(static_cast<int64_t>(total_ms));
  }
  return PosixError(EINVAL, "unknown suffix");
}

std::string FormatSize(uint64_t bytes) {
  size_t prefixes = 0;
  while (bytes != 0 && bytes % 1024 == 0 && kSizePrefixes[prefixes] != '\0') {
    bytes /= 1024;
    ++prefixes;
  }
  std::string text = std::to_string(bytes);
  if (prefixes > 0) {
    text += static_cast<char>(std::toupper(kSizePrefixes[prefixes - 1]));
    text += "iB";
  }
  return text;
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  const auto ms = static_cast<uint64_t>(duration.count());
  if (ms == 0) return "0";
  for (const auto& [name, unit_ms] : kDurationSuffixes) {
    if (ms % unit_ms == 0) return std::to_string(ms / unit_ms) + std::string(name);
  }
  return std::to_string(ms) + "ms";
}

}  // namespace weft::config
