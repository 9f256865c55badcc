// The files that make a directory a target: superblock and lock.
//
// `superblock` is two lines of text: a JSON object with who the target is, and "crc32c " with the
// CRC32C of the first line in 8 hexadecimal digits. It is replaced as a whole, durably. `lock` is
// empty and flocked while a daemon has the target. Thread-safe: no state.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "common/unique_fd.h"
#include "storage-server/chunks/chunk_store.h"

namespace weft::storage {

inline constexpr uint32_t kFormatVersion = 1;

// Durable when it returns. For reading see ReadSuperblock.
[[nodiscard]] absl::Status WriteSuperblock(const std::string& directory,
                                           const Superblock& superblock);

// The names of what else a target's directory holds.
inline constexpr char kSegmentsDirectory[] = "segments";
inline constexpr char kIndexDirectory[] = "index";

// EBUSY: another process, or this one, has the target open. Held while the descriptor is open.
[[nodiscard]] absl::StatusOr<UniqueFd> LockTarget(const std::string& directory);

}  // namespace weft::storage
