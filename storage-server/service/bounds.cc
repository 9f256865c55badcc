#include "storage-server/service/bounds.h"

#include <absl/strings/str_cat.h>

#include <cerrno>

#include "common/limits.h"
#include "common/status.h"

namespace weft::storage {

absl::Status CheckContentId(uint64_t content_id) {
  if (content_id != 0) return absl::OkStatus();
  return PosixError(EINVAL, "content_id 0 names no content");
}

absl::Status CheckChunkBytesLog2(uint32_t chunk_bytes_log2) {
  if (chunk_bytes_log2 >= kMinChunkBytesLog2 && chunk_bytes_log2 <= kMaxChunkBytesLog2) {
    return absl::OkStatus();
  }
  return PosixError(EINVAL, absl::StrCat("chunk_bytes_log2 ", chunk_bytes_log2, " is not from ",
                                         kMinChunkBytesLog2, " to ", kMaxChunkBytesLog2));
}

absl::Status CheckRange(uint32_t offset_bytes, uint64_t length_bytes, uint64_t chunk_bytes) {
  if (length_bytes == 0) return PosixError(EINVAL, "length of 0 bytes: there is nothing to do");
  if (offset_bytes < chunk_bytes && length_bytes <= chunk_bytes - offset_bytes) {
    return absl::OkStatus();
  }
  return PosixError(EINVAL,
                    absl::StrCat("offset_bytes ", offset_bytes, " and a length of ", length_bytes,
                                 " end beyond the chunk's ", chunk_bytes, " bytes"));
}

absl::Status CheckPieceCount(uint64_t pieces, uint32_t offset_bytes, uint64_t length_bytes) {
  const uint64_t first = offset_bytes / kBlockBytes;
  const uint64_t last = (offset_bytes + length_bytes - 1) / kBlockBytes;
  if (pieces == last - first + 1) return absl::OkStatus();
  return PosixError(EINVAL,
                    absl::StrCat("piece_crc32c has ", pieces, " checksums where the payload has ",
                                 last - first + 1, " pieces"));
}

absl::Status CheckContentSize(uint64_t size_bytes, uint32_t chunk_bytes_log2) {
  if (size_bytes <= MaxFileBytes(chunk_bytes_log2)) return absl::OkStatus();
  return PosixError(
      EINVAL, absl::StrCat("size_bytes ", size_bytes, " is over ", MaxFileBytes(chunk_bytes_log2)));
}

}  // namespace weft::storage
