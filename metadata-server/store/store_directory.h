// The directory of a RocksDB store, around the database itself: whose it is, of which format, who
// uses it, and its durability id.
//
// Layout:
//   STORE   JSON: {"kind", "format", "ready", "boot_id", "durability_id"}, replaced as a whole
//   db/     the RocksDB database
// Durability: a written identity survives power loss. Not thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "common/unique_fd.h"

namespace weft::metadata {

// 2: with the families of quotas. A store of format 1 becomes one of 2 when it is opened.
inline constexpr uint32_t kStoreFormatVersion = 2;

// What the file STORE says.
struct StoreIdentity {
  uint32_t format = kStoreFormatVersion;
  bool ready = false;         // false: the database was never finished being made, nothing is in it
  std::string boot_id;        // of the machine, at the last use
  std::string durability_id;  // see KvStore::durability_id
};

class StoreDirectory {
 public:
  // Makes the directory where there is none, and takes it for this process. Errors, with nothing
  // changed: EBUSY in use, ENOTEMPTY foreign, EPROTONOSUPPORT newer format, EIO damaged.
  [[nodiscard]] static absl::StatusOr<StoreDirectory> Open(const std::string& path);

  [[nodiscard]] const StoreIdentity& identity() const { return identity_; }
  [[nodiscard]] std::string database_path() const { return path_ + "/db"; }
  // Replaces the identity on disk; it is durable when this returns OK.
  [[nodiscard]] absl::Status Write(StoreIdentity identity);

 private:
  StoreDirectory(std::string path, UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  [[nodiscard]] absl::Status Read();
  [[nodiscard]] absl::Status CheckEmpty() const;

  std::string path_;
  UniqueFd lock_;  // the directory itself, flock(2)ed: no file has to be made for it
  StoreIdentity identity_;
};

// Of the running kernel: changes with every boot of the machine.
[[nodiscard]] absl::StatusOr<std::string> KernelBootId();

}  // namespace weft::metadata
