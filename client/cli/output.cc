#include "client/cli/output.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace weft::cli {
namespace {

constexpr int kJsonIndent = 2;
constexpr size_t kColumnGap = 2;

}  // namespace

void PrintJson(const Json& json, std::ostream& out) {
  out << json.dump(kJsonIndent, ' ', false, Json::error_handler_t::replace) << "\n";
}

void AddJsonFlag(config::Command& command, bool* json) {
  command.AddFlag({.name = "json", .help = "Print JSON for programs"}, json);
}

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

void Table::Print(std::ostream& out) const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + kColumnGap, ' ');
    }
    out << line << "\n";
  }
}

std::string HumanBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  constexpr double kStep = 1024;
  if (bytes < static_cast<uint64_t>(kStep)) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= kStep && unit + 1 < std::size(kUnits)) {
    value /= kStep;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string HumanTime(uint64_t ms) {
  constexpr uint64_t kMsPerSecond = 1000;
  constexpr uint64_t kSecondsPerMinute = 60;
  constexpr uint64_t kSecondsPerHour = 3600;
  constexpr uint64_t kSecondsPerDay = 86400;
  if (ms < kMsPerSecond) return absl::StrCat(ms, " ms");
  const uint64_t seconds = ms / kMsPerSecond;
  if (seconds < kSecondsPerMinute) return absl::StrCat(seconds, " s");
  if (seconds < kSecondsPerHour) {
    return absl::StrCat(seconds / kSecondsPerMinute, " min ", seconds % kSecondsPerMinute, " s");
  }
  if (seconds < kSecondsPerDay) {
    return absl::StrCat(seconds / kSecondsPerHour, " h ",
                        seconds % kSecondsPerHour / kSecondsPerMinute, " min");
  }
  return absl::StrCat(seconds / kSecondsPerDay, " d ", seconds % kSecondsPerDay / kSecondsPerHour,
                      " h");
}

std::string UsedPercent(uint64_t capacity, uint64_t free) {
  if (capacity == 0 || free > capacity) return "-";
  const double used = static_cast<double>(capacity - free);
  return absl::StrCat(static_cast<uint64_t>(100 * used / static_cast<double>(capacity) + 0.5), "%");
}

std::string Count(uint64_t count, std::string_view what) {
  return absl::StrCat(count, " ", std::string(what), count == 1 ? "" : "s");
}

}  // namespace weft::cli
