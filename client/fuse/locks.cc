// Operations on locks: getlk, setlk, flock. See locks.h.
#include "client/fuse/locks.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "client/fuse/adapter.h"
#include "common/locks/lock_ranges.h"
#include "common/status.h"

namespace weft::fuse {

// One request. Whoever answers it takes it first.
class ParkedLocks::Parked {
 public:
  Parked(fuse_req_t request, client::Vfs& vfs)
      : vfs_(vfs), device_(RequestDevice::Current()), request_(request) {}

  // Called by libfuse, with a lock of the request held: it must not be answered here.
  static void OnInterrupt(fuse_req_t /*request*/, void* parked) {
    static_cast<Parked*>(parked)->Interrupt();
  }
  void Interrupt() WEFT_EXCLUDES(mutex_) {
    uint64_t number = 0;
    {
      MutexLock lock(&mutex_);
      is_interrupted_ = true;
      number = number_;
    }
    if (number != 0) vfs_.InterruptLock(number);
  }
  // The Vfs knows it by this number.
  void SetNumber(uint64_t number) WEFT_EXCLUDES(mutex_) {
    bool is_interrupted = false;
    {
      MutexLock lock(&mutex_);
      number_ = number;
      is_interrupted = is_interrupted_;
    }
    if (is_interrupted) vfs_.InterruptLock(number);
  }
  void Answer(const absl::Status& status) WEFT_EXCLUDES(mutex_) {
    fuse_req_t request = nullptr;
    {
      MutexLock lock(&mutex_);
      request = std::exchange(request_, nullptr);
    }
    if (request == nullptr) return;
    // Waits for an interruption in progress; none can begin afterwards.
    fuse_req_interrupt_func(request, nullptr, nullptr);
    const RequestDevice::Use use(device_);
    ReplyStatus(request, status);
  }

 private:
  client::Vfs& vfs_;
  const RequestDevice device_;

  Mutex mutex_;
  fuse_req_t request_ WEFT_GUARDED_BY(mutex_);  // null: answered
  uint64_t number_ WEFT_GUARDED_BY(mutex_) = 0;
  bool is_interrupted_ WEFT_GUARDED_BY(mutex_) = false;
};

void ParkedLocks::Set(fuse_req_t request, client::Vfs& vfs, client::HandleId handle,
                      const proto::FileLock& lock, client::LockWait wait) {
  const auto parked = std::make_shared<Parked>(request, vfs);
  {
    MutexLock guard(&shared_->mutex);
    shared_->parked.insert(parked);
  }
  // Before anybody can answer it.
  if (wait == client::LockWait::kYes) {
    fuse_req_interrupt_func(request, Parked::OnInterrupt, parked.get());
  }
  const uint64_t number =
      vfs.SetLock(handle, lock, wait, [shared = shared_, parked](const absl::Status& status) {
        {
          MutexLock guard(&shared->mutex);
          if (shared->parked.erase(parked) == 0) return;  // it was abandoned
        }
        parked->Answer(status);
      });
  if (number != 0) parked->SetNumber(number);
}

void ParkedLocks::AbandonAll() {
  absl::flat_hash_set<std::shared_ptr<Parked>> all;
  {
    MutexLock lock(&shared_->mutex);
    all.swap(shared_->parked);
  }
  for (const auto& parked : all) {
    parked->Interrupt();
    parked->Answer(PosixError(EINTR, "the mount ends"));
  }
}

namespace {

proto::FileLock ToFileLock(fuse_req_t request, const fuse_file_info& file, proto::LockKind kind) {
  proto::FileLock lock;
  lock.set_kind(kind);
  lock.set_owner(file.lock_owner);
  lock.set_pid(static_cast<uint32_t>(fuse_req_ctx(request)->pid));
  lock.set_last_byte(kLastLockByte);
  return lock;
}

// The kernel has made offsets of it that count from the start of the file.
proto::FileLock ToFileLock(fuse_req_t request, const fuse_file_info& file,
                           const struct flock& range) {
  proto::FileLock lock = ToFileLock(request, file, proto::LOCK_POSIX);
  lock.set_type(range.l_type == F_RDLCK   ? proto::READ_LOCK
                : range.l_type == F_WRLCK ? proto::WRITE_LOCK
                                          : proto::NO_LOCK);
  lock.set_first_byte(static_cast<uint64_t>(range.l_start));
  if (range.l_len != 0) {
    lock.set_last_byte(static_cast<uint64_t>(range.l_start) + static_cast<uint64_t>(range.l_len) -
                       1);
  }
  if (range.l_pid != 0) lock.set_pid(static_cast<uint32_t>(range.l_pid));
  return lock;
}

void GetLock(fuse_req_t request, fuse_ino_t /*inode*/, fuse_file_info* file, struct flock* range) {
  const absl::StatusOr<proto::FileLock> found =
      AdapterOf(request).vfs.GetLock(file->fh, ToFileLock(request, *file, *range));
  if (!found.ok()) return ReplyStatus(request, found.status());
  struct flock answer = {};
  answer.l_whence = SEEK_SET;
  answer.l_type = F_UNLCK;
  if (found->type() != proto::NO_LOCK) {
    answer.l_type = found->type() == proto::WRITE_LOCK ? F_WRLCK : F_RDLCK;
    answer.l_start = static_cast<off_t>(found->first_byte());
    if (found->last_byte() < kLastLockByte) {
      answer.l_len = static_cast<off_t>(found->last_byte() - found->first_byte() + 1);
    }
    answer.l_pid = static_cast<pid_t>(found->pid());
  }
  fuse_reply_lock(request, &answer);
}

void SetLock(fuse_req_t request, fuse_ino_t /*inode*/, fuse_file_info* file, struct flock* range,
             int sleep) {
  Adapter& adapter = AdapterOf(request);
  adapter.parked_locks.Set(request, adapter.vfs, file->fh, ToFileLock(request, *file, *range),
                           sleep != 0 ? client::LockWait::kYes : client::LockWait::kNo);
}

void Flock(fuse_req_t request, fuse_ino_t /*inode*/, fuse_file_info* file, int operation) {
  Adapter& adapter = AdapterOf(request);
  proto::FileLock lock = ToFileLock(request, *file, proto::LOCK_FLOCK);
  switch (operation & ~LOCK_NB) {
    case LOCK_SH:
      lock.set_type(proto::READ_LOCK);
      break;
    case LOCK_EX:
      lock.set_type(proto::WRITE_LOCK);
      break;
    case LOCK_UN:
      lock.set_type(proto::NO_LOCK);
      break;
    default:
      fuse_reply_err(request, EINVAL);
      return;
  }
  adapter.parked_locks.Set(
      request, adapter.vfs, file->fh, lock,
      (operation & LOCK_NB) == 0 ? client::LockWait::kYes : client::LockWait::kNo);
}

}  // namespace

void AddLockOperations(fuse_lowlevel_ops* operations) {
  operations->getlk = GetLock;
  operations->setlk = SetLock;
  operations->flock = Flock;
}

}  // namespace weft::fuse
