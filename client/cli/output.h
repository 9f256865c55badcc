// What subcommands print: tables for people, JSON for programs. Thread-safe: functions and values.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/command.h"

namespace weft::cli {

using Json = nlohmann::ordered_json;  // keys in the order they are added

// Indented, on lines of its own. Bytes that are no UTF-8 are replaced.
void PrintJson(const Json& json, std::ostream& out);

// --json.
void AddJsonFlag(config::Command& command, bool* json);

// Columns as wide as their widest cell, to the left; the last one is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void AddRow(std::vector<std::string> cells);
  void Print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "512 B", "1.5 GiB".
[[nodiscard]] std::string HumanBytes(uint64_t bytes);
// "42 ms", "17 s", "3 h 12 min".
[[nodiscard]] std::string HumanTime(uint64_t ms);
// "37%" of used bytes; "-" of nothing.
[[nodiscard]] std::string UsedPercent(uint64_t capacity, uint64_t free);
// "1 chunk", "2 chunks".
[[nodiscard]] std::string Count(uint64_t count, std::string_view what);

}  // namespace weft::cli
