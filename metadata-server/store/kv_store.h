// An ordered key-value store with column families and atomic batches: all that the metadata-server
// keeps.
//
// It knows nothing of what keys mean. Every change is one Batch through Commit, the one commit
// point: replication will hook in there. Durability: when Commit returns, the change survives the
// death of the process; when Sync returns, every earlier Commit survives power loss. After power
// loss the store holds all batches up to some point in commit order, whole. A failed write or sync
// stops further commits until the store is opened anew (fault() says why): it is never retried.
// Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::metadata {

// Column families. The names on disk are in docs/formats.md; numbers are never used twice.
enum class Family : uint8_t {
  kMeta,      // format version, cluster id, id ranges
  kInode,     // inode id → InodeRecord
  kDentry,    // parent id, name → DentryRecord
  kInline,    // content id → bytes (blob files)
  kXattr,     // inode id, name → value
  kOrphan,    // inode id → empty: no names, still open somewhere
  kReclaim,   // content id → ReclaimRecord: content to delete from the storage-servers
  kTruncate,  // inode id → TruncateRecord: a cut that the storage-servers may not have finished
  kSession,   // session id → SessionRecord
  kReply,     // session id, sequence → kept reply
  kCluster,   // nodes, targets, pools, map epoch
  kQuota,     // inode id of the directory → QuotaRecord
  kQuotaUse,  // the same → counters: bytes, inodes
};
inline constexpr size_t kFamilyCount = 13;

// Rows of this family are counters, and are changed by Batch::Add and Delete only.
[[nodiscard]] constexpr bool HasCounters(Family family) { return family == Family::kQuotaUse; }

// Changes that happen together or not at all, in order. Not thread-safe.
class Batch {
 public:
  void Put(Family family, std::string_view key, std::string_view value) {
    changes_.push_back({family, std::string(key), std::string(value)});
  }
  void Delete(Family family, std::string_view key) {
    changes_.push_back({family, std::string(key), std::nullopt});
  }
  // Adds to the counters of a row (counters.h); those that it does not have are 0. Sums do not
  // depend on the order of commits. HasCounters(family).
  void Add(Family family, std::string_view key, std::span<const int64_t> addends);
  [[nodiscard]] bool empty() const { return changes_.empty(); }

  struct Change {
    Family family;
    std::string key;
    std::optional<std::string> value;  // none: delete
    bool is_addition = false;          // `value` is added to the row's counters
  };
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }

 private:
  std::vector<Change> changes_;
};

class KvStore {
 public:
  virtual ~KvStore() = default;

  // ENOENT where there is no such key. EIO: the store is damaged.
  [[nodiscard]] virtual absl::StatusOr<std::string> Get(Family family,
                                                        std::string_view key) const = 0;

  // Calls `visit` for the keys that are ≥ `first` and start with `prefix`, in byte order, until it
  // returns false. One consistent snapshot; `visit` may call the store.
  [[nodiscard]] virtual absl::Status Scan(
      Family family, std::string_view prefix, std::string_view first,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;

  [[nodiscard]] virtual absl::Status Commit(const Batch& batch) = 0;
  [[nodiscard]] virtual absl::Status Sync() = 0;

  // Empty, or why no commit is taken any more.
  [[nodiscard]] virtual std::string fault() const = 0;

  // Changes where answered commits may have been lost since it last had this value: after a power
  // loss (the machine's boot id differs from that of the last use), or once the store has failed.
  // Stable over kill -9.
  [[nodiscard]] virtual std::string durability_id() const = 0;
};

struct RocksKvOptions {
  std::string directory;
  std::chrono::milliseconds sync_interval{100};  // 0: every commit is synced before it returns
  size_t block_cache_bytes = size_t{128} << 20;
  std::string boot_id;  // of the machine; empty: the kernel's
};

// Opens or creates the store. A directory in use, foreign, of a newer format or damaged: an error
// that says which and what to do; nothing in it is changed.
[[nodiscard]] absl::StatusOr<std::unique_ptr<KvStore>> OpenRocksKvStore(RocksKvOptions options);

// For tests: keeps everything in memory; forgets it when it goes.
[[nodiscard]] std::unique_ptr<KvStore> NewMemoryKvStore();

}  // namespace weft::metadata
