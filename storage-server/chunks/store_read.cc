#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/limits.h"
#include "common/status.h"
#include "storage-server/chunks/local_store.h"

namespace weft::storage {
namespace {

constexpr size_t kCopyBytes = 1u << 20;  // read at a time

// Keeps the blocks of a read from being used again, and their segments open.
class ReadPin {
 public:
  explicit ReadPin(std::shared_ptr<BlockSpace> space)
      : space_(std::move(space)), read_(space_->quarantine().BeginRead()) {}
  ~ReadPin() { space_->quarantine().EndRead(read_); }
  ReadPin(const ReadPin&) = delete;
  ReadPin& operator=(const ReadPin&) = delete;

  void SetRuns(std::vector<BlockRun> runs) { space_->quarantine().SetRuns(read_, std::move(runs)); }

 private:
  const std::shared_ptr<BlockSpace> space_;
  const uint64_t read_;
};

// The ranges of `extents`, which are a slice [first, end) of a chunk, with the holes in between.
// The last one is cut so that all of them have data_bytes.
std::vector<ChunkRead::Range> RangesOf(const Segments& segments, const ExtentList& extents,
                                       uint32_t first, uint32_t data_bytes) {
  std::vector<ChunkRead::Range> ranges;
  uint32_t left = data_bytes;
  const auto add = [&](int fd, uint64_t offset_bytes, uint32_t blocks) {
    const uint32_t length =
        static_cast<uint32_t>(std::min<uint64_t>(left, uint64_t{blocks} * kBlockBytes));
    if (length > 0) ranges.push_back({fd, offset_bytes, length});
    left -= length;
  };
  uint32_t at = first;
  for (const Extent& extent : extents) {
    add(-1, 0, extent.chunk_block - at);
    add(segments.DescriptorOf(extent.run.segment), uint64_t{extent.run.block} * kBlockBytes,
        extent.run.count);
    at = extent.end();
  }
  add(-1, 0, BlocksOf(left));
  return ranges;
}

}  // namespace

absl::StatusOr<ChunkRead> LocalChunkStore::Read(ChunkId chunk, uint32_t offset_bytes,
                                                uint32_t length_bytes) {
  auto pin = std::make_shared<ReadPin>(space_);  // before the look-up: see Quarantine
  WEFT_ASSIGN_OR_RETURN(const std::optional<Row> row, GetRow(chunk));
  ChunkRead read;
  read.data_offset_bytes = offset_bytes / kBlockBytes * kBlockBytes;
  if (!row) return read;
  const RowVersion& version = row->current;
  read.info = InfoOf(version);
  if (length_bytes == 0 || offset_bytes >= version.length_bytes) return read;

  const uint32_t first = offset_bytes / kBlockBytes;
  const uint64_t wanted_end =
      std::min<uint64_t>(uint64_t{offset_bytes} + length_bytes, version.length_bytes);
  const uint32_t end = BlocksOf(static_cast<uint32_t>(wanted_end));
  const uint64_t data_end = std::min<uint64_t>(uint64_t{end} * kBlockBytes, version.length_bytes);
  const ExtentList extents = Slice(version.extents, first, end);
  read.data_bytes = static_cast<uint32_t>(data_end - read.data_offset_bytes);
  read.ranges = RangesOf(space_->segments(), extents, first, read.data_bytes);
  read.block_crc32c.assign(version.block_crc32c.begin() + first,
                           version.block_crc32c.begin() + end);
  pin->SetRuns(RunsOf(extents));
  read.pin = std::move(pin);
  return read;
}

absl::Status LocalChunkStore::Copy(const ChunkRead& read, std::span<std::byte> out) {
  if (out.size() != read.data_bytes) return PosixError(EINVAL, "a copy needs room for all bytes");
  const AlignedBuffer bounce(std::min<size_t>(kCopyBytes, out.size()));
  for (const ChunkRead::Range& range : read.ranges) {
    for (uint32_t done = 0; done < range.length_bytes;) {
      const size_t bytes = std::min<size_t>(range.length_bytes - done, bounce.bytes().size());
      if (range.fd < 0) {
        std::memset(out.data(), 0, bytes);
      } else {
        const size_t whole = size_t{BlocksOf(static_cast<uint32_t>(bytes))} * kBlockBytes;
        WEFT_RETURN_IF_ERROR(space_->segments().ReadByDescriptor(
            range.fd, range.offset_bytes + done, bounce.bytes().first(whole)));
        std::memcpy(out.data(), bounce.bytes().data(), bytes);
      }
      out = out.subspan(bytes);
      done += static_cast<uint32_t>(bytes);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ChunkInfo> LocalChunkStore::Stat(ChunkId chunk) const {
  WEFT_ASSIGN_OR_RETURN(const std::optional<Row> row, GetRow(chunk));
  if (!row) return PosixError(ENOENT, "there is no " + NameOf(chunk));
  return InfoOf(row->current);
}

absl::StatusOr<ContentEnd> LocalChunkStore::End(ContentId content) const {
  ContentEnd end;
  absl::Status damage;
  WEFT_RETURN_IF_ERROR(ScanContent(content, 0, [&](ChunkId chunk, std::string_view value) {
    const absl::StatusOr<Row> row = DecodeRow(value);
    damage = Annotate(row.status(), NameOf(chunk));
    if (!row.ok()) return false;
    const ChunkInfo info = InfoOf(row->current);
    end.used_bytes += info.used_bytes;
    if (info.length_bytes > 0) {  // else it is only there for its cut
      end.has_chunks = true;
      end.last_chunk = chunk.number;
      end.last_chunk_length_bytes = info.length_bytes;
    }
    return true;
  }));
  WEFT_RETURN_IF_ERROR(damage);
  return end;
}

}  // namespace weft::storage
