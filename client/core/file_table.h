// The files that somebody uses, one object for each inode, and what this mount saw of those that it
// closed. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "client/core/file.h"
#include "common/ids.h"
#include "common/mutex.h"

namespace weft::client {

class FileTable {
 public:
  // `mount` must outlive every file.
  explicit FileTable(const FileMount* mount) : mount_(mount) {}

  // The object of the inode; it lives as long as anybody holds it.
  std::shared_ptr<File> Get(InodeId inode) WEFT_EXCLUDES(mutex_);
  // Null where nobody holds it.
  std::shared_ptr<File> Find(InodeId inode) const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] std::vector<std::shared_ptr<File>> All() const WEFT_EXCLUDES(mutex_);
  // To be called by the end of each file.
  void Forget(InodeId inode) WEFT_EXCLUDES(mutex_);

 private:
  const FileMount* const mount_;
  mutable Mutex mutex_;
  absl::flat_hash_map<InodeId, std::weak_ptr<File>> files_ WEFT_GUARDED_BY(mutex_);
};

// What the data of closed files was when this mount's kernel last cached pages of it.
class SeenFiles {
 public:
  void Remember(const proto::Attr& attr) WEFT_EXCLUDES(mutex_);
  void Forget(InodeId inode) WEFT_EXCLUDES(mutex_);
  // The file has not changed since Remember.
  [[nodiscard]] bool IsUnchanged(const proto::Attr& attr) const WEFT_EXCLUDES(mutex_);

 private:
  struct Seen {
    uint64_t content_id = 0;
    uint64_t era = 0;
    uint64_t change = 0;
    uint64_t size_bytes = 0;
    int64_t mtime_ns = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  static constexpr size_t kMaxSeen = 65'536;  // all are forgotten when there are more

  static Seen Of(const proto::Attr& attr);

  mutable Mutex mutex_;
  absl::flat_hash_map<InodeId, Seen> seen_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
