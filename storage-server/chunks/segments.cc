#include "storage-server/chunks/segments.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "common/limits.h"
#include "common/status.h"

namespace weft::storage {
namespace {

// Left free on the disk for the index and its compactions: a part of the disk, up to a bound.
constexpr uint64_t kDiskReserveDivisor = 32;
constexpr uint64_t kMaxDiskReserveBytes = uint64_t{1} << 30;

constexpr size_t kNameDigits = 8;

std::string NameOf(uint32_t number) {
  std::string digits = std::to_string(number);
  return std::string(kNameDigits - digits.size(), '0') + digits;
}

absl::StatusOr<uint32_t> NumberOf(const std::string& name) {
  uint32_t number = 0;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data(), end, number);
  if (name.size() != kNameDigits || error != std::errc() || at != end ||
      number >= Segments::kMaxSegments) {
    return PosixError(EIO, "the file " + name + " among the segments is not a segment");
  }
  return number;
}

uint64_t OffsetOf(const BlockRun& run) { return uint64_t{run.block} * kBlockBytes; }

}  // namespace

absl::StatusOr<std::unique_ptr<Segments>> Segments::Open(std::shared_ptr<Disk> disk,
                                                         uint32_t segment_bytes,
                                                         uint64_t capacity_bytes) {
  if (segment_bytes < kMinSegmentBytes || segment_bytes % kBlockBytes != 0) {
    return PosixError(EINVAL, "segments must have at least 1 MiB and whole blocks of 4 KiB");
  }
  std::unique_ptr<Segments> segments(new Segments(std::move(disk), segment_bytes, capacity_bytes));
  WEFT_ASSIGN_OR_RETURN(const std::vector<std::string> names, segments->disk_->List());
  for (const std::string& name : names) {
    WEFT_ASSIGN_OR_RETURN(const uint32_t number, NumberOf(name));
    WEFT_ASSIGN_OR_RETURN(std::unique_ptr<File> file, segments->disk_->Open(name));
    WEFT_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    const uint64_t blocks = size / kBlockBytes;
    if (blocks > UINT32_MAX) return PosixError(EIO, "the segment " + name + " is too large");
    if (blocks == 0) {  // nothing can lie in it: it was being made when the machine went down
      WEFT_RETURN_IF_ERROR(segments->disk_->Remove(name));
      continue;
    }
    segments->Add(number, std::move(file), static_cast<uint32_t>(blocks));
  }
  return segments;
}

std::vector<Segments::Info> Segments::List() const {
  const MutexLock lock(&mutex_);
  std::vector<Info> list;
  for (uint32_t number = 0; number < segments_.size(); ++number) {
    if (segments_[number] != nullptr) list.push_back({number, segments_[number]->blocks});
  }
  return list;
}

absl::StatusOr<Segments::Info> Segments::Grow() {
  const uint64_t blocks = std::min<uint64_t>(GrowableBlocks(), segment_bytes_ / kBlockBytes);
  if (blocks == 0) return PosixError(ENOSPC, "the target is full");
  uint32_t number = 0;
  {
    const MutexLock lock(&mutex_);
    number = static_cast<uint32_t>(segments_.size());
  }
  if (number >= kMaxSegments) return PosixError(ENOSPC, "the target has too many segments");
  const std::string name = NameOf(number);
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk_->Create(name));
  absl::Status status = file->Preallocate(blocks * kBlockBytes);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = disk_->SyncDirectory();
  if (!status.ok()) {
    file.reset();
    // Best effort: what remains is taken for a segment, or for an empty one, at the next open.
    disk_->Remove(name).IgnoreError();
    return status;
  }
  Add(number, std::move(file), static_cast<uint32_t>(blocks));
  return Info{number, static_cast<uint32_t>(blocks)};
}

uint64_t Segments::GrowableBlocks() const {
  const absl::StatusOr<Disk::Usage> usage = disk_->GetUsage();
  if (!usage.ok()) return 0;
  const uint64_t reserve = std::min(usage->total_bytes / kDiskReserveDivisor, kMaxDiskReserveBytes);
  uint64_t bytes = usage->free_bytes - std::min(usage->free_bytes, reserve);
  if (capacity_bytes_ != 0) {
    const uint64_t used = total_blocks() * kBlockBytes;
    bytes = std::min(bytes, capacity_bytes_ - std::min(capacity_bytes_, used));
  }
  const uint64_t rest = bytes % segment_bytes_;
  if (rest < kMinSegmentBytes) bytes -= rest;
  return bytes / kBlockBytes;
}

uint64_t Segments::total_blocks() const {
  const MutexLock lock(&mutex_);
  return total_blocks_;
}

absl::Status Segments::Write(const BlockRun& run, std::span<const std::byte> bytes) {
  Segment* segment = Find(run.segment);
  if (segment == nullptr) return PosixError(EIO, "segment " + NameOf(run.segment) + " is missing");
  const absl::Status status = segment->file->Write(OffsetOf(run), bytes);
  segment->written.store(true);  // after the write: who syncs from now on covers it
  return status;
}

absl::Status Segments::Read(const BlockRun& run, std::span<std::byte> bytes) const {
  const Segment* segment = Find(run.segment);
  if (segment == nullptr) return PosixError(EIO, "segment " + NameOf(run.segment) + " is missing");
  return segment->file->Read(OffsetOf(run), bytes);
}

int Segments::DescriptorOf(uint32_t number) const {
  const Segment* segment = Find(number);
  return segment == nullptr ? -1 : segment->file->descriptor();
}

absl::Status Segments::ReadByDescriptor(int descriptor, uint64_t offset_bytes,
                                        std::span<std::byte> bytes) const {
  for (const Segment* segment : All()) {
    if (segment->file->descriptor() == descriptor) return segment->file->Read(offset_bytes, bytes);
  }
  return PosixError(EBADF, "not the descriptor of a segment");
}

absl::Status Segments::SyncWritten() {
  for (Segment* segment : All()) {
    if (segment->written.exchange(false)) WEFT_RETURN_IF_ERROR(segment->file->Sync());
  }
  return absl::OkStatus();
}

absl::Status Segments::SyncAll() {
  for (Segment* segment : All()) {
    segment->written.store(false);
    WEFT_RETURN_IF_ERROR(segment->file->Sync());
  }
  return absl::OkStatus();
}

void Segments::Add(uint32_t number, std::unique_ptr<File> file, uint32_t blocks) {
  auto segment = std::make_unique<Segment>();
  segment->file = std::move(file);
  segment->blocks = blocks;
  const MutexLock lock(&mutex_);
  if (segments_.size() <= number) segments_.resize(number + 1);
  segments_[number] = std::move(segment);
  total_blocks_ += blocks;
}

Segments::Segment* Segments::Find(uint32_t number) const {
  const MutexLock lock(&mutex_);
  return number < segments_.size() ? segments_[number].get() : nullptr;
}

std::vector<Segments::Segment*> Segments::All() const {
  const MutexLock lock(&mutex_);
  std::vector<Segment*> all;
  for (const auto& segment : segments_) {
    if (segment != nullptr) all.push_back(segment.get());
  }
  return all;
}

}  // namespace weft::storage
