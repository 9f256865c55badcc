// File: taking bytes over from another file.
//
// Ranges that the source has stored in chunks are copied by the storage-servers, cut at the chunk
// boundaries of both files; holes become holes. An inline file on either side, and what is too
// small to be worth it, goes through this client.
#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "client/core/file.h"
#include "client/core/stored_ranges.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::client {
namespace {

// Taken over by one call; the caller asks for the rest.
constexpr uint64_t kMostAtOnce = uint64_t{256} << 20;
// Less is read and written.
constexpr uint64_t kWorthCopying = 64 * 1024;
// Copies that are on their way at once.
constexpr size_t kPiecesAtOnce = 256;
// Times that the content may be cut by others meanwhile.
constexpr int kMaxCutsMet = 10;

// Cuts [from, from + length), which goes to `to`, at the chunk boundaries of both files.
std::vector<ChunkCopy> PiecesOf(const proto::Content& source, uint64_t from,
                                const proto::Content& content, uint64_t to, uint64_t length) {
  const uint64_t source_chunk_bytes = uint64_t{1} << source.chunk_bytes_log2();
  const uint64_t chunk_bytes = uint64_t{1} << content.chunk_bytes_log2();
  std::vector<ChunkCopy> pieces;
  for (uint64_t done = 0; done < length;) {
    const uint64_t read = from + done;
    const uint64_t write = to + done;
    const uint64_t size = std::min({length - done, source_chunk_bytes - read % source_chunk_bytes,
                                    chunk_bytes - write % chunk_bytes});
    ChunkCopy piece;
    piece.source_chunk = static_cast<uint32_t>(read / source_chunk_bytes);
    piece.source_offset_bytes = static_cast<uint32_t>(read % source_chunk_bytes);
    piece.stored.chunk = static_cast<uint32_t>(write / chunk_bytes);
    piece.stored.offset_bytes = static_cast<uint32_t>(write % chunk_bytes);
    piece.stored.length_bytes = static_cast<uint32_t>(size);
    pieces.push_back(std::move(piece));
    done += size;
  }
  return pieces;
}

}  // namespace

absl::StatusOr<uint64_t> File::CopyFrom(File& source, uint64_t from, uint64_t to, uint64_t length) {
  WEFT_RETURN_IF_ERROR(source.Flush());
  source.RefreshIfOlder(std::chrono::milliseconds(0));
  const uint64_t source_size = source.Size();
  if (from >= source_size) return 0;
  length = std::min({length, source_size - from, kMostAtOnce});
  const uint64_t end = to + length;
  if (end < to || end > MaxFileBytes(CurrentContent().chunk_bytes_log2())) {
    return PosixError(EFBIG, "a file with such chunks cannot be that long");
  }
  if (source.CurrentContent().is_inline() || length < kWorthCopying) {
    WEFT_RETURN_IF_ERROR(CopyThrough(source, from, to, length));
    return length;
  }
  if (quota_.is_limited()) {
    WEFT_ASSIGN_OR_RETURN(const uint64_t bytes,
                          CountStored(mount_->io, source.CurrentContent(), from, from + length));
    WEFT_RETURN_IF_ERROR(TakeQuota(to, bytes, /*append=*/false));
  }
  uint64_t done = 0;
  if (CurrentContent().is_inline()) {  // the first bytes move it to chunks
    done = std::min<uint64_t>(length, kLargestInlineMaxBytes + 1);
    WEFT_RETURN_IF_ERROR(CopyThrough(source, from, to, done));
    WEFT_RETURN_IF_ERROR(Flush());
    if (CurrentContent().is_inline()) {
      return PosixError(EIO, "the file is made small again while bytes are copied to it");
    }
  }
  const Gate::Pass pass(&gate_, Gate::Mode::kAlone);
  MutexLock turn(&turn_);
  WEFT_RETURN_IF_ERROR(CopyChunks(source, from + done, to + done, length - done));
  return length;
}

absl::Status File::CopyThrough(File& source, uint64_t from, uint64_t to, uint64_t length) {
  StreamDetector stream;
  const uint64_t step = uint64_t{1} << 20;
  for (uint64_t done = 0; done < length;) {
    WEFT_ASSIGN_OR_RETURN(const ReadBytes bytes,
                          source.Read(&stream, from + done, std::min(step, length - done)));
    if (bytes.size_bytes == 0) return PosixError(EIO, "the source was cut while it was copied");
    for (const iovec& piece : bytes.pieces) {
      WEFT_RETURN_IF_ERROR(
          Write(to + done, {static_cast<const std::byte*>(piece.iov_base), piece.iov_len}, false));
      done += piece.iov_len;
    }
  }
  return absl::OkStatus();
}

absl::Status File::CopyChunks(File& source, uint64_t from, uint64_t to, uint64_t length) {
  if (length == 0) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(Settle());
  {
    MutexLock lock(&mutex_);
    NoteWriteLocked();
  }
  absl::Status status;
  for (int cuts = 0; cuts < kMaxCutsMet; ++cuts) {
    status = CopyStored(source.CurrentContent(), from, to, length);
    if (ErrnoOf(status) != ESTALE) break;
    WEFT_RETURN_IF_ERROR(RefreshContent());
  }
  read_ahead_.Drop(to, to + length);
  if (!status.ok()) return WriteError(status);
  buffer_.StoredUpTo(to + length);  // a hole at the end belongs to the file, too
  return Commit();
}

absl::Status File::CopyStored(const proto::Content& source, uint64_t from, uint64_t to,
                              uint64_t length) {
  const proto::Content content = CurrentContent();
  if (content.is_inline()) {
    return PosixError(EIO, "another mount has emptied the file while bytes were copied to it");
  }
  StoredRanges ranges(mount_->io, source, from);
  for (uint64_t done = 0; done < length;) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<Interval> next, ranges.Next());
    const uint64_t begin = next ? std::min(next->begin - from, length) : length;
    const uint64_t end = next ? std::min(next->end - from, length) : length;
    WEFT_RETURN_IF_ERROR(PunchChunks(to + done, std::min(to + begin, Size())));
    std::vector<ChunkCopy> pieces =
        PiecesOf(source, from + begin, content, to + begin, end - begin);
    for (size_t at = 0; at < pieces.size(); at += kPiecesAtOnce) {
      const std::span<ChunkCopy> some =
          std::span(pieces).subspan(at, std::min(kPiecesAtOnce, pieces.size() - at));
      const absl::Status status = mount_->io->Copy(source, content, some);
      for (const ChunkCopy& piece : some) buffer_.Stored(piece.stored);
      WEFT_RETURN_IF_ERROR(status);
    }
    done = end;
  }
  return absl::OkStatus();
}

}  // namespace weft::client
