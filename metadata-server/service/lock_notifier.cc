#include "metadata-server/service/lock_notifier.h"

namespace weft::metadata {

void LockNotifier::Start(Tell tell) {
  {
    MutexLock lock(&mutex_);
    running_ = true;
  }
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this, tell] { Run(tell); });
}

void LockNotifier::Stop() {
  {
    MutexLock lock(&mutex_);
    running_ = false;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void LockNotifier::Add(SessionId session, uint64_t wait_id) {
  MutexLock lock(&mutex_);
  if (!running_) return;
  granted_[session].push_back(wait_id);
  changed_.Signal();
}

bool LockNotifier::Take(SessionId* session, std::vector<uint64_t>* wait_ids) {
  MutexLock lock(&mutex_);
  for (;;) {
    if (!running_) return false;
    for (auto found = granted_.begin(); found != granted_.end(); ++found) {
      if (!in_progress_.insert(found->first).second) continue;
      *session = found->first;
      *wait_ids = std::move(found->second);
      granted_.erase(found);
      return true;
    }
    changed_.Wait(&mutex_);
  }
}

void LockNotifier::Run(const Tell& tell) {
  SessionId session;
  std::vector<uint64_t> wait_ids;
  while (Take(&session, &wait_ids)) {
    proto::LockGrantedRequest request;
    request.mutable_wait_ids()->Add(wait_ids.begin(), wait_ids.end());
    tell(session, request);
    MutexLock lock(&mutex_);
    in_progress_.erase(session);
    if (granted_.contains(session)) changed_.Signal();
  }
}

}  // namespace weft::metadata
