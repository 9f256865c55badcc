// The threads that serve a mounted libfuse session.
//
// Our own loop instead of libfuse's, which ends its threads by pthread_cancel: one that is
// cancelled inside a lock (of stderr, of the Vfs) leaves that lock taken for ever. These leave by
// themselves when the kernel ends the connection, after the request they are at.
//
// There is always one thread that waits for the next request, until there are `max_threads`:
// threads that wait for a server cost no CPU, so that their number has nothing to do with that of
// the cores. Each reads and answers over a descriptor of its own (FUSE_DEV_IOC_CLONE), which spares
// them the lock of a common one. Threads that were started stay.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "client/fuse/libfuse.h"
#include "common/mutex.h"

namespace weft::fuse {

class Workers {
 public:
  // `session` must be mounted and outlive this.
  Workers(fuse_session* session, uint32_t max_threads);
  // The connection must have ended: waits for the threads.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Returns when the kernel has ended the connection and the last thread is leaving.
  void WaitForEnd() WEFT_EXCLUDES(mutex_);

 private:
  void StartOne() WEFT_EXCLUDES(mutex_);
  void Serve();
  void ServeRequests();
  void Leave() WEFT_EXCLUDES(mutex_);

  fuse_session* const session_;
  const uint32_t max_threads_;

  std::atomic<int> waiting_ = 0;  // threads that wait for a request, or are about to

  Mutex mutex_;
  CondVar ended_;
  uint32_t serving_ WEFT_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::fuse
