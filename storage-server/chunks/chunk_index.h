// The index under a chunk store: keys and values in byte order, with atomic batches.
//
// It knows nothing of what they mean. When Apply returns, the batch survives the death of the
// process; when Sync returns, every earlier batch survives power loss. After power loss the index
// holds all batches up to some point in the order of Apply, whole. Errors are PosixErrors; after a
// failed Apply or Sync the outcome is unknown until the index is opened anew. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::storage {

class ChunkIndex {
 public:
  struct Change {
    std::string key;
    std::optional<std::string> value;  // none: delete
  };

  virtual ~ChunkIndex() = default;

  [[nodiscard]] virtual absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const = 0;
  [[nodiscard]] virtual absl::Status Apply(std::span<const Change> batch) = 0;
  [[nodiscard]] virtual absl::Status Sync() = 0;

  // Calls `visit` for the keys in [first, end) in order, of one consistent state, until it returns
  // false.
  [[nodiscard]] virtual absl::Status Scan(
      std::string_view first, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

enum class IndexMode {
  kCreate,  // makes it where it is missing
  kExisting
};

// An index in RocksDB. The directory's parent exists.
[[nodiscard]] absl::StatusOr<std::unique_ptr<ChunkIndex>> OpenRocksIndex(
    const std::string& directory, IndexMode mode);

}  // namespace weft::storage
