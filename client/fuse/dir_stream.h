// One open directory: reads the entries that follow a position of the kernel.
//
// Nothing is read ahead and no entry is kept: the attributes of an entry are as fresh as the
// request that they answer, or else the kernel would take an old size for a new one.
//
// Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "client/core/vfs.h"
#include "client/fuse/dir_positions.h"
#include "common/ids.h"
#include "common/mutex.h"

namespace weft::fuse {

class DirStream {
 public:
  // One entry, "." and ".." included.
  struct Entry {
    std::string_view name;
    InodeId inode;
    proto::FileType type = proto::FILE_TYPE_UNSPECIFIED;
    const proto::Attr* attr = nullptr;  // null where it is not known
    int64_t position = 0;               // of what follows the entry
  };
  // Takes an entry; false: there is no room for it, it has not been taken.
  using Sink = std::function<bool(const Entry& entry)>;

  static constexpr uint32_t kMaxEntriesPerRead = 4096;
  // How far an entry is looked for from where its answer began (see DirPositions).
  static constexpr uint32_t kMaxEntriesSearched = 64 * 1024;

  // `vfs` must outlive this. `caller`: who opened it; the metadata-server checks with each page
  // that he may read it.
  DirStream(client::Vfs& vfs, client::Caller caller, InodeId directory)
      : vfs_(vfs), caller_(std::move(caller)), directory_(directory) {}

  // Gives what follows `position` to `sink` until it is full, for at most `max_entries`. Nothing
  // was given: the directory ends here. EINVAL: no such position was given out; EOVERFLOW: more
  // entries than positions can tell apart were listed without a rewind.
  [[nodiscard]] absl::Status Read(int64_t position, uint32_t max_entries, bool want_attrs,
                                  const Sink& sink) WEFT_EXCLUDES(mutex_);

 private:
  absl::StatusOr<std::string> Resolve(int64_t position) WEFT_REQUIRES(mutex_);
  absl::StatusOr<std::string> FindByHash(std::string_view after_name, uint32_t hash) const;
  // False: the sink is full.
  bool GiveDots(int64_t position, InodeId parent, const Sink& sink) const;
  absl::Status GiveEntries(const client::DirPage& page, const Sink& sink) WEFT_REQUIRES(mutex_);

  client::Vfs& vfs_;
  const client::Caller caller_;
  const InodeId directory_;
  Mutex mutex_;
  DirPositions positions_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::fuse
