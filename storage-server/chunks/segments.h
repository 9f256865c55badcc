// The segment files of a target: where the blocks are. Knows nothing of which are free.
//
// Segment n is the file named n in 8 digits. Its size is fixed when it is made, and it is durable
// before a block of it is used; it is never removed. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/limits.h"
#include "common/mutex.h"
#include "storage-server/chunks/disk.h"
#include "storage-server/chunks/extents.h"

namespace weft::storage {

class Segments {
 public:
  // A shorter segment is not made: the space stays unused.
  static constexpr uint32_t kMinSegmentBytes = 1u << 20;
  static constexpr uint32_t kMaxSegments = 100'000;

  // Opens the files of `disk`. Empty ones, left over from a crash, are removed. capacity_bytes
  // bounds all segments together; 0: only the disk does. EIO: a file that does not belong there.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Segments>> Open(std::shared_ptr<Disk> disk,
                                                                      uint32_t segment_bytes,
                                                                      uint64_t capacity_bytes);

  struct Info {
    uint32_t number = 0;
    uint32_t blocks = 0;
  };
  [[nodiscard]] std::vector<Info> List() const;

  // Makes another segment. ENOSPC. One call at a time.
  [[nodiscard]] absl::StatusOr<Info> Grow();
  // What Grow could still make, in blocks.
  [[nodiscard]] uint64_t GrowableBlocks() const;
  [[nodiscard]] uint64_t total_blocks() const;
  // Of a segment that Grow makes, but where space is short.
  [[nodiscard]] uint32_t blocks_per_segment() const { return segment_bytes_ / kBlockBytes; }

  // `bytes` are whole blocks in aligned memory, as many as the run has.
  [[nodiscard]] absl::Status Write(const BlockRun& run, std::span<const std::byte> bytes);
  [[nodiscard]] absl::Status Read(const BlockRun& run, std::span<std::byte> bytes) const;

  // For sendfile.
  [[nodiscard]] int DescriptorOf(uint32_t segment) const;
  // Reads from the segment with that descriptor. EBADF: there is none.
  [[nodiscard]] absl::Status ReadByDescriptor(int descriptor, uint64_t offset_bytes,
                                              std::span<std::byte> bytes) const;

  // Makes durable what was written since the last call, or, with SyncAll, ever.
  [[nodiscard]] absl::Status SyncWritten();
  [[nodiscard]] absl::Status SyncAll();

 private:
  struct Segment {
    std::unique_ptr<File> file;
    uint32_t blocks = 0;
    std::atomic<bool> written{false};
  };

  Segments(std::shared_ptr<Disk> disk, uint32_t segment_bytes, uint64_t capacity_bytes)
      : disk_(std::move(disk)), segment_bytes_(segment_bytes), capacity_bytes_(capacity_bytes) {}

  void Add(uint32_t number, std::unique_ptr<File> file, uint32_t blocks);
  // Null where there is no such segment.
  [[nodiscard]] Segment* Find(uint32_t number) const;
  [[nodiscard]] std::vector<Segment*> All() const;

  const std::shared_ptr<Disk> disk_;
  const uint32_t segment_bytes_;
  const uint64_t capacity_bytes_;

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Segment>> segments_ WEFT_GUARDED_BY(mutex_);  // only grows
  uint64_t total_blocks_ WEFT_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::storage
