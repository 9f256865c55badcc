// File: where its data and its holes are.
#include <algorithm>
#include <cerrno>

#include "client/core/file.h"
#include "client/core/stored_ranges.h"
#include "common/status.h"

namespace weft::client {

absl::StatusOr<uint64_t> File::Seek(Vfs::SeekFor what, uint64_t offset) {
  WEFT_RETURN_IF_ERROR(Flush());  // only the servers know what is a hole
  const uint64_t size = Size();
  if (offset >= size) return PosixError(ENXIO, "the offset is not before the end of the file");
  const proto::Content content = CurrentContent();
  Interval data{0, size};  // inline bytes are data throughout
  if (!content.is_inline()) {
    StoredRanges ranges(mount_->io, content, offset);
    WEFT_ASSIGN_OR_RETURN(const std::optional<Interval> next, ranges.Next());
    data = next.value_or(Interval{size, size});
  }
  const uint64_t begin = std::max(data.begin, offset);
  if (what == Vfs::SeekFor::kHole) return begin > offset ? offset : std::min(data.end, size);
  if (begin >= size) return PosixError(ENXIO, "no data is left before the end of the file");
  return begin;
}

}  // namespace weft::client
