// The disk under a chunk store: flat files that are preallocated, written in blocks and synced.
//
// All that the store asks of a disk goes through here, so that tests can put one under it that
// loses unsynced bytes and fails. What is written survives the death of the process at once and
// power loss once Sync returned; a new file's name once SyncDirectory returned. Errors are
// PosixErrors that name the file. Thread-safe, also on overlapping ranges, whose outcome is then
// undefined.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::storage {

class File {
 public:
  virtual ~File() = default;

  // Writes or reads all of it or fails. Offset, length and address are multiples of kBlockBytes,
  // for it goes past the page cache where the file system allows. A failed Write leaves any mix of
  // old and new bytes in its range. Reading past the end: EIO.
  [[nodiscard]] virtual absl::Status Write(uint64_t offset_bytes,
                                           std::span<const std::byte> bytes) = 0;
  [[nodiscard]] virtual absl::Status Read(uint64_t offset_bytes,
                                          std::span<std::byte> bytes) const = 0;

  // Makes what was written, and the file's size, durable. After an error nothing is known of any
  // write since the last success, and another Sync does not tell.
  [[nodiscard]] virtual absl::Status Sync() = 0;

  // Gives the file this size, with space for all of it where the file system can. ENOSPC.
  [[nodiscard]] virtual absl::Status Preallocate(uint64_t size_bytes) = 0;
  [[nodiscard]] virtual absl::StatusOr<uint64_t> Size() const = 0;

  // For sendfile, through the page cache. Lives as long as this.
  [[nodiscard]] virtual int descriptor() const = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // EEXIST, ENOENT.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<File>> Create(std::string_view name) = 0;
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<File>> Open(std::string_view name) = 0;
  [[nodiscard]] virtual absl::Status Remove(std::string_view name) = 0;
  // Names in byte order.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::string>> List() const = 0;
  [[nodiscard]] virtual absl::Status SyncDirectory() = 0;

  struct Usage {
    uint64_t total_bytes = 0;
    uint64_t free_bytes = 0;  // for files that do not exist yet
  };
  [[nodiscard]] virtual absl::StatusOr<Usage> GetUsage() const = 0;
};

// A directory that exists.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Disk>> OpenPosixDisk(const std::string& directory);

}  // namespace weft::storage
