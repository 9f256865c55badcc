// The directories that a kernel has open. Owns them: those that it never releases, because the
// connection ends first, end with the session. A handle is the address of its stream. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "client/fuse/dir_stream.h"
#include "common/mutex.h"

namespace weft::fuse {

class OpenDirectories {
 public:
  [[nodiscard]] uint64_t Add(std::unique_ptr<DirStream> stream) WEFT_EXCLUDES(mutex_) {
    const auto handle = reinterpret_cast<uint64_t>(stream.get());
    MutexLock lock(&mutex_);
    streams_.emplace(handle, std::move(stream));
    return handle;
  }
  // Nobody reads it any more.
  void Remove(uint64_t handle) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    streams_.erase(handle);
  }
  // Of a handle between Add and Remove, as the kernel's requests have: needs no look at the table.
  [[nodiscard]] static DirStream& Of(uint64_t handle) {
    return *reinterpret_cast<DirStream*>(handle);
  }

 private:
  Mutex mutex_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<DirStream>> streams_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::fuse
