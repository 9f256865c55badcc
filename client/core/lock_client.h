// Locks of files, as this mount asks the metadata-server for them.
//
// A wait takes no thread: it is kept here, and one thread of this class asks again for all of them,
// when the server says that a wait is over (OnGranted), when somebody interrupts it, and now and
// then anyway. What is held is noted in HeldLocks. It knows nothing of files' bytes
// (Options::taken). Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "client/core/held_locks.h"
#include "client/core/metadata_client.h"
#include "client/core/vfs.h"
#include "common/ids.h"
#include "common/mutex.h"

namespace weft::client {

class LockClient {
 public:
  // A lock was set through this handle: lets the file be seen as it is now, and then calls `done`.
  using Taken = std::function<void(HandleId handle, LockDone done)>;

  // `metadata` must outlive it.
  LockClient(MetadataClient* metadata, Taken taken);
  ~LockClient() { Stop(); }
  // Waits end with EINTR. Idempotent.
  void Stop() WEFT_EXCLUDES(mutex_);

  // As Vfs::SetLock, for READ_LOCK and WRITE_LOCK; lock.inode_id is set.
  uint64_t Lock(HandleId handle, const proto::FileLock& lock, LockWait wait, LockDone done)
      WEFT_EXCLUDES(mutex_);
  void Interrupt(uint64_t number) WEFT_EXCLUDES(mutex_);
  // Gives up a range.
  absl::Status Unlock(const proto::FileLock& lock);
  absl::StatusOr<proto::FileLock> Get(const proto::FileLock& lock);

  // Gives up all that the owner has on the file, or that was locked through the handle. What cannot
  // be given up now is logged, and ends with the session.
  void CloseOwner(const HeldLocks::Key& key);
  void CloseHandle(HandleId handle);

  // The server says so, or has forgotten.
  void OnGranted(const proto::LockGrantedRequest& request) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] HeldLocks& held() { return held_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Wait {
    uint64_t id = 0;
    HandleId handle = 0;
    proto::FileLock lock;
    LockDone done;
    bool is_busy = true;  // a call for it is in progress
    bool ask_now = false;
    bool interrupted = false;
    Clock::time_point next;  // when it is asked for again
    std::chrono::milliseconds pause{0};
  };

  void Run() WEFT_EXCLUDES(mutex_);
  // The next one to do something about. Null: stop.
  std::shared_ptr<Wait> NextDue() WEFT_EXCLUDES(mutex_);
  void Serve(const std::shared_ptr<Wait>& wait) WEFT_EXCLUDES(mutex_);
  // Nothing to do for it until the next time.
  void Park(Wait& wait) WEFT_EXCLUDES(mutex_);
  void Finish(Wait& wait, const absl::Status& status) WEFT_EXCLUDES(mutex_);

  // One call. True: it is queued under `wait_id`.
  enum class WaitState { kNone, kFirst, kAgain };
  absl::StatusOr<bool> CallSet(HandleId handle, const proto::FileLock& lock, uint64_t wait_id,
                               WaitState state);
  // OK: the lock was granted; EINTR: it is not, and will not be.
  absl::Status CallCancel(const Wait& wait);

  MetadataClient* const metadata_;
  const Taken taken_;
  HeldLocks held_;

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  uint64_t last_id_ WEFT_GUARDED_BY(mutex_) = 0;
  // Bounded by the kernel's requests that wait. The wait itself belongs to who serves it (is_busy),
  // but for the flags.
  std::map<uint64_t, std::shared_ptr<Wait>> waits_ WEFT_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace weft::client
