#include "metadata-server/store/group_sync.h"

namespace weft::metadata {

absl::Status GroupSync::Run() {
  MutexLock lock(&mutex_);
  // The one that runs now may have begun before the caller's last write.
  const uint64_t wanted = begun_count_ + 1;
  while (failure_.ok() && ended_count_ < wanted) {
    if (running_) {
      ended_.Wait(&mutex_);
      continue;
    }
    running_ = true;
    const uint64_t mine = ++begun_count_;
    lock.Unlock();
    absl::Status status = sync_();
    lock.Lock();
    running_ = false;
    ended_count_ = mine;
    if (!status.ok()) failure_ = std::move(status);
    ended_.SignalAll();
  }
  return failure_;
}

}  // namespace weft::metadata
