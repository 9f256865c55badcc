#include "client/cli/file_info.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>

#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"

namespace weft::cli {
namespace {

// In the order of "columns" of the attribute.
enum Column { kChunk, kGroup, kTarget, kNode, kExists, kVersion, kLength, kUsed, kColumns };

absl::StatusOr<ChunkRow> ParseRow(const Json& row, const Json& nodes) {
  const auto is_number = [](const Json& cell) { return cell.is_number_unsigned(); };
  if (!row.is_array() || row.size() != kColumns ||
      !std::all_of(row.begin(), row.end(), is_number)) {
    return PosixError(EPROTO, "the mount's answer about chunks is not understood");
  }
  const uint64_t node = row[kNode].get<uint64_t>();
  if (node >= nodes.size() || !nodes[node].is_string()) {
    return PosixError(EPROTO, "the mount's answer names an unknown node");
  }
  return ChunkRow{.chunk = row[kChunk].get<uint32_t>(),
                  .group = row[kGroup].get<uint32_t>(),
                  .target = row[kTarget].get<uint32_t>(),
                  .node = nodes[node].get<std::string>(),
                  .exists = row[kExists].get<uint32_t>() != 0,
                  .version = row[kVersion].get<uint64_t>(),
                  .length_bytes = row[kLength].get<uint32_t>(),
                  .used_bytes = row[kUsed].get<uint32_t>()};
}

void AddRow(ChunkRow row, uint32_t max_rows, ChunkSummary* summary) {
  ++summary->examined;
  if (row.exists) {
    NodeShare& share = summary->nodes[row.node];
    ++share.chunks;
    share.used_bytes += row.used_bytes;
  } else {
    ++summary->holes;
  }
  if (summary->rows.size() < max_rows) summary->rows.push_back(std::move(row));
}

}  // namespace

absl::StatusOr<ChunkSummary> SummarizeChunks(const XattrReader& read, uint64_t chunks,
                                             uint32_t max_rows) {
  ChunkSummary summary;
  const uint32_t end = static_cast<uint32_t>(std::min<uint64_t>(chunks, kMaxChunksExamined));
  for (uint32_t first = 0; first < end; first += fuse::kMaxChunksPerXattr) {
    const uint32_t count = std::min(fuse::kMaxChunksPerXattr, end - first);
    WEFT_ASSIGN_OR_RETURN(const Json answer,
                          read(absl::StrCat(fuse::kChunksXattrPrefix, first, ".", count)));
    const Json nodes = answer.value("nodes", Json::array());
    for (const Json& cells : answer.value("chunks", Json::array())) {
      WEFT_ASSIGN_OR_RETURN(ChunkRow row, ParseRow(cells, nodes));
      AddRow(std::move(row), max_rows, &summary);
    }
  }
  return summary;
}

}  // namespace weft::cli
