// Puts the parts of a target in a directory together.
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "common/clock.h"
#include "common/status.h"
#include "common/uuid.h"
#include "storage-server/chunks/chunk_index.h"
#include "storage-server/chunks/disk.h"
#include "storage-server/chunks/local_store.h"
#include "storage-server/chunks/superblock.h"

namespace weft::storage {
namespace {

absl::StatusOr<std::string> BootId() {
  constexpr char kPath[] = "/proc/sys/kernel/random/boot_id";
  std::ifstream file(kPath);
  std::string id;
  if (!(file >> id)) return PosixError(EIO, std::string("cannot read ") + kPath);
  return id;
}

absl::Status MakeDirectories(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return absl::OkStatus();
  return PosixError(error.value(), "create " + directory + ": " + error.message());
}

absl::Status CheckNode(const StoreOptions& options, const Superblock& superblock) {
  if (superblock.node_uuid == options.node_uuid) return absl::OkStatus();
  return PosixError(EPERM, options.directory + " belongs to the storage-server " +
                               superblock.node_uuid + ", this one is " + options.node_uuid +
                               ". Start that one on it, or give this one another directory");
}

absl::Status CheckExists(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  return PosixError(EIO, "the target is damaged: " + path +
                             " is missing. Restore it, or give this daemon an empty directory "
                             "instead and let replicas fill it");
}

// The superblock last: until then the directory counts as empty.
absl::StatusOr<Superblock> Format(const StoreOptions& options, const std::string& index) {
  WEFT_RETURN_IF_ERROR(MakeDirectories(options.directory + "/" + kSegmentsDirectory));
  WEFT_RETURN_IF_ERROR(OpenRocksIndex(index, IndexMode::kCreate).status());
  const Superblock superblock{
      .target_uuid = NewUuid(), .node_uuid = options.node_uuid, .format_version = kFormatVersion};
  WEFT_RETURN_IF_ERROR(WriteSuperblock(options.directory, superblock));
  return superblock;
}

}  // namespace

absl::StatusOr<OpenedStore> OpenTarget(const StoreOptions& options) {
  WEFT_ASSIGN_OR_RETURN(std::optional<Superblock> superblock, ReadSuperblock(options.directory));
  if (superblock) {
    WEFT_RETURN_IF_ERROR(CheckNode(options, *superblock));
  } else {
    WEFT_RETURN_IF_ERROR(MakeDirectories(options.directory));
  }
  WEFT_ASSIGN_OR_RETURN(UniqueFd lock, LockTarget(options.directory));
  // Again, under the lock: another daemon may have made it into a target meanwhile.
  WEFT_ASSIGN_OR_RETURN(superblock, ReadSuperblock(options.directory));
  const std::string segments = options.directory + "/" + kSegmentsDirectory;
  const std::string index = options.directory + "/" + kIndexDirectory;
  if (!superblock) {
    WEFT_ASSIGN_OR_RETURN(superblock, Format(options, index));
  }
  WEFT_RETURN_IF_ERROR(CheckNode(options, *superblock));
  WEFT_RETURN_IF_ERROR(CheckExists(segments));
  WEFT_RETURN_IF_ERROR(CheckExists(index));

  StoreParts parts{.lock = std::move(lock),
                   .clock = &SystemClock(),
                   .target_uuid = superblock->target_uuid,
                   .segment_bytes = options.segment_bytes,
                   .capacity_bytes = options.capacity_bytes};
  WEFT_ASSIGN_OR_RETURN(parts.boot_id, BootId());
  WEFT_ASSIGN_OR_RETURN(parts.disk, OpenPosixDisk(segments));
  WEFT_ASSIGN_OR_RETURN(parts.index, OpenRocksIndex(index, IndexMode::kExisting));
  absl::StatusOr<std::unique_ptr<LocalChunkStore>> store = LocalChunkStore::Open(std::move(parts));
  if (!store.ok()) return Annotate(store.status(), options.directory);
  return OpenedStore{.superblock = *std::move(superblock), .store = *std::move(store)};
}

}  // namespace weft::storage
