#include "metadata-server/store/counters.h"

#include <algorithm>

#include "metadata-server/store/big_endian.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

std::string FormatCounters(std::span<const int64_t> counters) {
  std::string row;
  for (const int64_t counter : counters) AppendBigEndian(&row, static_cast<uint64_t>(counter));
  return row;
}

int64_t ReadCounter(std::string_view row, size_t index) {
  const size_t begin = index * kBigEndianBytes;
  if (row.size() < begin + kBigEndianBytes) return 0;
  return static_cast<int64_t>(ReadBigEndian(row.substr(begin)));
}

std::string SumOfCounters(std::string_view row, std::string_view addends) {
  const size_t count = std::max(row.size(), addends.size()) / kBigEndianBytes;
  std::string sum;
  for (size_t i = 0; i < count; ++i) {
    AppendBigEndian(&sum, static_cast<uint64_t>(ReadCounter(row, i)) +
                              static_cast<uint64_t>(ReadCounter(addends, i)));
  }
  return sum;
}

void Batch::Add(Family family, std::string_view key, std::span<const int64_t> addends) {
  changes_.push_back({family, std::string(key), FormatCounters(addends), true});
}

}  // namespace weft::metadata
