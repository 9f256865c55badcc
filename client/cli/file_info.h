// Where the content of a file lies, as `weft info` shows it. Thread-safe: functions without state.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/cli/output.h"

namespace weft::cli {

// Chunks that one run looks at: bounds its time and memory whatever the size of the file.
inline constexpr uint32_t kMaxChunksExamined = 65'536;

struct ChunkRow {
  uint32_t chunk = 0;
  uint32_t group = 0;
  uint32_t target = 0;
  std::string node;
  bool exists = false;
  uint64_t version = 0;
  uint32_t length_bytes = 0;
  uint32_t used_bytes = 0;
};

struct NodeShare {
  uint64_t chunks = 0;
  uint64_t used_bytes = 0;
};

struct ChunkSummary {
  uint32_t examined = 0;
  uint64_t holes = 0;
  std::map<std::string, NodeShare> nodes;
  std::vector<ChunkRow> rows;  // the first ones
};

// Gives an extended attribute of the file.
using XattrReader = std::function<absl::StatusOr<Json>(const std::string& name)>;

// Looks at the first `chunks` chunks, at most kMaxChunksExamined, and keeps `max_rows` of them.
[[nodiscard]] absl::StatusOr<ChunkSummary> SummarizeChunks(const XattrReader& read, uint64_t chunks,
                                                           uint32_t max_rows);

}  // namespace weft::cli
