// Which bytes of a content are stored.
#include <algorithm>

#include "common/limits.h"
#include "common/status.h"
#include "storage-server/chunks/local_store.h"

namespace weft::storage {
namespace {

// A page ends with the chunk that reaches it.
constexpr size_t kMaxRangesPerPage = 16 * 1024;

ChunkExtent ExtentOf(uint32_t chunk, const RowVersion& version) {
  ChunkExtent listed{.chunk = chunk, .length_bytes = version.length_bytes, .stored = {}};
  for (const Extent& extent : version.extents) {
    const uint32_t begin = extent.chunk_block * kBlockBytes;
    const uint32_t end = std::min(extent.end() * kBlockBytes, version.length_bytes);
    if (!listed.stored.empty() && listed.stored.back().end_bytes == begin) {
      listed.stored.back().end_bytes = end;
    } else {
      listed.stored.push_back({begin, end});
    }
  }
  return listed;
}

}  // namespace

absl::StatusOr<ContentPage> LocalChunkStore::List(ContentId content, uint32_t first_chunk,
                                                  uint32_t max_chunks) const {
  ContentPage page{.chunks = {}, .at_end = true};
  size_t ranges = 0;
  absl::Status damage;
  WEFT_RETURN_IF_ERROR(
      ScanContent(content, first_chunk, [&](ChunkId chunk, std::string_view value) {
        if (page.chunks.size() == max_chunks || ranges >= kMaxRangesPerPage) {
          page.at_end = false;
          return false;
        }
        const absl::StatusOr<Row> row = DecodeRow(value);
        damage = Annotate(row.status(), NameOf(chunk));
        if (!row.ok()) return false;
        page.chunks.push_back(ExtentOf(chunk.number, row->current));
        ranges += page.chunks.back().stored.size();
        return true;
      }));
  WEFT_RETURN_IF_ERROR(damage);
  return page;
}

}  // namespace weft::storage
