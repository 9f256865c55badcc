// The threads that serve a mounted libfuse session.
//
// Our own loop instead of libfuse's, which ends its threads by pthread_cancel: one that is
// cancelled inside a lock (of stderr, of the Vfs) leaves that lock taken for ever. These leave by
// themselves, after the request they are at, when the kernel ends the connection or Stop is called.
//
// There is always one thread that waits for the next request, until there are `max_threads`:
// threads that wait for a server cost no CPU, so that their number has nothing to do with that of
// the cores. Each reads and answers over a descriptor of its own (FUSE_DEV_IOC_CLONE), which spares
// them the lock of a common one. Threads that were started stay.
//
// To reach a thread that waits in the kernel, it is sent SIGUSR1, which this takes for itself.
// Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>

#include "client/fuse/libfuse.h"
#include "common/mutex.h"
#include "common/unique_fd.h"

namespace weft::fuse {

// The descriptor over which a request came: its answer must go the same way. It stays open while
// this lives. Thread-safe: a value.
class RequestDevice {
 public:
  // Of the request that the calling thread serves.
  [[nodiscard]] static RequestDevice Current();

  // While it lives, what the calling thread answers goes over that descriptor.
  class Use {
   public:
    explicit Use(const RequestDevice& device);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    std::shared_ptr<const UniqueFd> before_;
  };

 private:
  std::shared_ptr<const UniqueFd> device_;  // none: the session's own
};

class Workers {
 public:
  // `session` must be mounted and outlive this.
  Workers(fuse_session* session, uint32_t max_threads);
  // Stops.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Returns when the last thread is leaving: the kernel has ended the connection, or Stop was
  // called.
  void WaitForEnd() WEFT_EXCLUDES(mutex_);

  // Waits until the kernel has no request left and those that were read are answered. False: there
  // were still some after `limit`.
  [[nodiscard]] bool Drain(std::chrono::milliseconds limit) WEFT_EXCLUDES(mutex_);

  // The threads finish what they are at and leave. The kernel's further requests stay unanswered
  // until the session's descriptor is closed.
  void Stop() WEFT_EXCLUDES(mutex_);

 private:
  struct Worker {
    std::thread thread;
    // The newest round that it has begun: see AllReach.
    std::atomic<uint64_t> round = 0;
  };

  void StartOne() WEFT_EXCLUDES(mutex_);
  void Serve(Worker& self);
  void ServeRequests(Worker& self);
  void Leave(Worker& self) WEFT_EXCLUDES(mutex_);
  // Waits until every thread has finished the request that it was at. False: not until `deadline`.
  bool AllReach(uint64_t round, std::chrono::steady_clock::time_point deadline)
      WEFT_EXCLUDES(mutex_);
  // Interrupts the threads that have not begun the round; true if there are none.
  bool WakeBehind(uint64_t round) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] bool RequestsWait() const;

  fuse_session* const session_;
  const uint32_t max_threads_;

  std::atomic<int> waiting_ = 0;     // threads that wait for a request, or are about to
  std::atomic<uint64_t> round_ = 0;  // begun by each thread before its next request

  Mutex mutex_;
  CondVar ended_;
  uint32_t serving_ WEFT_GUARDED_BY(mutex_) = 0;
  std::deque<Worker> workers_ WEFT_GUARDED_BY(mutex_);  // elements stay where they are
};

}  // namespace weft::fuse
