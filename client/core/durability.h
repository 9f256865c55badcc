// The durability id of the metadata-server, as this mount heard it last (see proto SyncReply).
// Thread-safe.
#pragma once

#include <string>
#include <utility>

#include "common/mutex.h"

namespace weft::client {

class MetadataDurability {
 public:
  void Set(std::string id) {
    MutexLock lock(&mutex_);
    id_ = std::move(id);
  }
  [[nodiscard]] std::string id() const {
    MutexLock lock(&mutex_);
    return id_;
  }

 private:
  mutable Mutex mutex_;
  std::string id_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
