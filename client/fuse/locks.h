// Requests for locks that are not answered on the thread that read them.
//
// A lock may be waited for as long as somebody likes, and must take no thread of the session
// meanwhile (workers.h). So such a request is parked here, and answered when the Vfs says how it
// went, or when the session ends. A signal to the caller comes as an interruption of its request.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <memory>

#include "client/core/vfs.h"
#include "client/fuse/libfuse.h"
#include "client/fuse/workers.h"
#include "common/mutex.h"

namespace weft::fuse {

// Of one session. Thread-safe.
class ParkedLocks {
 public:
  // Asks for the lock, and answers the request when that is over.
  void Set(fuse_req_t request, client::Vfs& vfs, client::HandleId handle,
           const proto::FileLock& lock, client::LockWait wait);
  // Answers all that wait, with EINTR, and interrupts them. For the end of the session, when no
  // request comes any more: libfuse's requests are gone afterwards.
  void AbandonAll();

 private:
  class Parked;
  struct Shared {
    Mutex mutex;
    absl::flat_hash_set<std::shared_ptr<Parked>> parked WEFT_GUARDED_BY(mutex);
  };

  // The Vfs may come to the end of a wait when this is gone.
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace weft::fuse
