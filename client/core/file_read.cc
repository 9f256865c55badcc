// File: reading.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "client/core/file.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::client {
namespace {

using std::chrono::milliseconds;

// A reader at the end of a file that grows elsewhere sees it grow so soon.
constexpr milliseconds kEndIsOld{100};
// One who reads before the end sees so soon that the content was replaced elsewhere.
constexpr milliseconds kContentIsOld{1'000};
// Times that the inline content may be changed by others while it is fetched.
constexpr int kMaxFetches = 10;

uint64_t RoundDown(uint64_t value, uint64_t to) { return value / to * to; }
uint64_t RoundUp(uint64_t value, uint64_t to) { return RoundDown(value + to - 1, to); }

iovec Piece(const std::byte* data, size_t length) { return {const_cast<std::byte*>(data), length}; }

// Cuts [begin, end), in whole blocks, at chunk boundaries; the bytes go to consecutive memory.
void AddReads(const proto::Content& content, uint64_t begin, uint64_t end, std::byte* to,
              std::vector<ChunkRead>* reads) {
  const uint64_t chunk_bytes = uint64_t{1} << content.chunk_bytes_log2();
  while (begin < end) {
    const uint64_t part_end = std::min(end, RoundDown(begin, chunk_bytes) + chunk_bytes);
    reads->push_back({static_cast<uint32_t>(begin / chunk_bytes),
                      static_cast<uint32_t>(begin % chunk_bytes),
                      {to, part_end - begin}});
    to += part_end - begin;
    begin = part_end;
  }
}

// Patches that follow one another and together are [begin, end): no server need be asked.
bool CoverInOrder(const std::vector<WriteBuffer::Patch>& patches, uint64_t begin, uint64_t end) {
  for (const WriteBuffer::Patch& patch : patches) {
    if (patch.begin != begin) return false;
    begin = patch.end();
  }
  return begin == end;
}

}  // namespace

absl::StatusOr<ReadBytes> File::Read(StreamDetector* stream, uint64_t offset, size_t length) {
  RefreshIfOlder(offset + length > Size() ? kEndIsOld : kContentIsOld);
  WEFT_ASSIGN_OR_RETURN(auto bytes, ReadInline(offset, length));
  if (bytes) return *std::move(bytes);
  bool must_settle = false;
  uint64_t size = 0;
  {
    MutexLock lock(&mutex_);
    must_settle = moving_ && !moving_->based;
    size = SizeLocked();
  }
  if (must_settle) {
    WEFT_RETURN_IF_ERROR(Flush());
    size = Size();
  }
  if (offset >= size || length == 0) return ReadBytes();
  return ReadChunks(stream, offset, offset + std::min<uint64_t>(length, size - offset), size);
}

absl::StatusOr<std::optional<ReadBytes>> File::ReadInline(uint64_t offset, size_t length) {
  const IoTimeout::Step step(*mount_->timeout);
  for (int fetches = 0; fetches < kMaxFetches; ++fetches) {
    {
      MutexLock lock(&mutex_);
      if (!IsInlineLocked()) return std::nullopt;
      const uint64_t size = SizeLocked();
      if (offset >= size || length == 0) return ReadBytes();
      if (inline_.known()) {
        const size_t count = std::min<uint64_t>(length, size - offset);
        auto memory = std::make_shared<wire::Buffer>(count);
        const std::string_view all = inline_.bytes();
        const std::string_view here = all.substr(std::min<uint64_t>(offset, all.size()), count);
        if (!here.empty()) std::memcpy(memory->data(), here.data(), here.size());
        std::memset(memory->data() + here.size(), 0, count - here.size());
        return ReadBytes{{Piece(memory->data(), count)}, count, memory};
      }
    }
    WEFT_RETURN_IF_ERROR(FetchInline());
  }
  return PosixError(EIO, "the file's inline content changes too often to be read");
}

absl::StatusOr<ReadBytes> File::ReadChunks(StreamDetector* stream, uint64_t begin, uint64_t end,
                                           uint64_t size) {
  const proto::Content content = CurrentContent();
  // The order matters: what was buffered when this began must be in the result, even if it has been
  // sent, and the buffer has forgotten it, before the servers are asked.
  const auto patches = buffer_.Snapshot(begin, end);
  const Interval ahead = stream->OnRead(begin, end - begin, mount_->read_ahead_bytes);
  if (!patches.empty()) return ReadPatched(content, begin, end, patches);

  const uint64_t slab_bytes = SlabBytes(content.chunk_bytes_log2());
  if (ahead.begin < std::min(ahead.end, size)) {
    read_ahead_.Fetch(content, ahead.begin, std::min(RoundUp(ahead.end, slab_bytes), size), Self(),
                      [this](uint64_t from, uint64_t to) { return buffer_.IsClean(from, to); });
    Watch();
  }
  ReadBytes result;
  auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  std::vector<ChunkRead> reads;
  for (uint64_t at = begin; at < end;) {
    const uint64_t part_end = std::min(end, RoundDown(at, slab_bytes) + slab_bytes);
    if (auto block = read_ahead_.Find(at, part_end)) {
      result.pieces.push_back(Piece(block->at(at), part_end - at));
      owners->push_back(std::move(block));
    } else {
      const uint64_t from = RoundDown(at, kBlockBytes);
      const uint64_t to = RoundUp(part_end, kBlockBytes);
      auto memory = std::make_shared<wire::Buffer>(to - from);
      AddReads(content, from, to, memory->data(), &reads);
      result.pieces.push_back(Piece(memory->data() + (at - from), part_end - at));
      owners->push_back(std::move(memory));
    }
    at = part_end;
  }
  if (!reads.empty()) WEFT_RETURN_IF_ERROR(mount_->io->Read(content, reads));
  result.size_bytes = end - begin;
  result.owner = std::move(owners);
  return result;
}

absl::StatusOr<ReadBytes> File::ReadPatched(const proto::Content& content, uint64_t begin,
                                            uint64_t end,
                                            const std::vector<WriteBuffer::Patch>& patches) {
  ReadBytes result;
  result.size_bytes = end - begin;
  if (CoverInOrder(patches, begin, end)) {
    auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
    for (const WriteBuffer::Patch& patch : patches) {
      result.pieces.push_back(Piece(patch.bytes.data(), patch.bytes.size()));
      owners->push_back(patch.memory);
    }
    result.owner = std::move(owners);
    return result;
  }
  const uint64_t from = RoundDown(begin, kBlockBytes);
  auto memory = std::make_shared<wire::Buffer>(RoundUp(end, kBlockBytes) - from);
  IntervalSet covered;
  for (const WriteBuffer::Patch& patch : patches) covered.Add(patch.begin, patch.end());
  IntervalSet needed;  // in whole blocks
  for (const Interval& gap : covered.Gaps(begin, end)) {
    needed.Add(RoundDown(gap.begin, kBlockBytes), RoundUp(gap.end, kBlockBytes));
  }
  std::vector<ChunkRead> reads;
  for (const Interval& part : needed.intervals()) {
    AddReads(content, part.begin, part.end, memory->data() + (part.begin - from), &reads);
  }
  if (!reads.empty()) WEFT_RETURN_IF_ERROR(mount_->io->Read(content, reads));
  for (const WriteBuffer::Patch& patch : patches) {
    std::memcpy(memory->data() + (patch.begin - from), patch.bytes.data(), patch.bytes.size());
  }
  result.pieces.push_back(Piece(memory->data() + (begin - from), end - begin));
  result.owner = std::move(memory);
  return result;
}

}  // namespace weft::client
