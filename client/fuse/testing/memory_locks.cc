// MemoryVfs: locks. The least that shows how the adapter asks for them: a lock of an owner takes
// the place of those of its own that overlap it, as a whole; ranges are not split.
#include <cerrno>
#include <utility>

#include "client/fuse/testing/memory_vfs.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

bool AreOfOneOwner(const proto::FileLock& a, const proto::FileLock& b) {
  return a.inode_id() == b.inode_id() && a.kind() == b.kind() && a.owner() == b.owner();
}

bool Overlap(const proto::FileLock& a, const proto::FileLock& b) {
  return a.first_byte() <= b.last_byte() && b.first_byte() <= a.last_byte();
}

}  // namespace

MemoryVfs::~MemoryVfs() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    locks_changed_.Signal();
  }
  waits_thread_.join();
}

const MemoryVfs::Lock* MemoryVfs::FindConflict(const proto::FileLock& lock) {
  for (const Lock& held : locks_) {
    const proto::FileLock& other = held.lock;
    if (other.inode_id() == lock.inode_id() && other.kind() == lock.kind() &&
        other.owner() != lock.owner() && Overlap(other, lock) &&
        (other.type() == proto::WRITE_LOCK || lock.type() == proto::WRITE_LOCK)) {
      return &held;
    }
  }
  return nullptr;
}

void MemoryVfs::TakeLock(const Lock& lock) {
  std::erase_if(locks_, [&](const Lock& held) {
    return AreOfOneOwner(held.lock, lock.lock) && Overlap(held.lock, lock.lock);
  });
  if (lock.lock.type() != proto::NO_LOCK) locks_.push_back(lock);
  locks_changed_.Signal();
}

absl::StatusOr<proto::FileLock> MemoryVfs::GetLock(client::HandleId handle, proto::FileLock lock) {
  MutexLock guard(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindHandle(handle));
  lock.set_inode_id(node->attr.inode_id());
  const Lock* const conflict = FindConflict(lock);
  if (conflict != nullptr) return conflict->lock;
  lock.set_type(proto::NO_LOCK);
  return lock;
}

uint64_t MemoryVfs::SetLock(client::HandleId handle, proto::FileLock lock, client::LockWait wait,
                            client::LockDone done) {
  absl::Status status;
  {
    MutexLock guard(&mutex_);
    const auto node = FindHandle(handle);
    status = node.status();
    if (status.ok()) {
      lock.set_inode_id((*node)->attr.inode_id());
      const bool blocked = lock.type() != proto::NO_LOCK && FindConflict(lock) != nullptr;
      if (blocked && wait == client::LockWait::kYes) {
        waits_.emplace(++last_wait_, Wait{{handle, lock}, std::move(done)});
        return last_wait_;
      }
      if (blocked) status = PosixError(EAGAIN, "locked");
    }
    if (status.ok()) TakeLock({handle, lock});
  }
  done(status);
  return 0;
}

void MemoryVfs::InterruptLock(uint64_t number) {
  MutexLock lock(&mutex_);
  const auto wait = waits_.find(number);
  if (wait == waits_.end()) return;
  wait->second.interrupted = true;
  locks_changed_.Signal();
}

void MemoryVfs::CloseLocks(client::HandleId handle, uint64_t owner) {
  MutexLock lock(&mutex_);
  const auto node = FindHandle(handle);
  if (!node.ok()) return;
  std::erase_if(locks_, [&](const Lock& held) {
    return held.lock.kind() == proto::LOCK_POSIX && held.lock.owner() == owner &&
           held.lock.inode_id() == (*node)->attr.inode_id();
  });
  locks_changed_.Signal();
}

void MemoryVfs::RunWaits() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    auto wait = waits_.begin();
    while (wait != waits_.end() && !wait->second.interrupted &&
           FindConflict(wait->second.wanted.lock) != nullptr) {
      ++wait;
    }
    if (wait == waits_.end()) {
      locks_changed_.Wait(&mutex_);
      continue;
    }
    const Wait over = std::move(wait->second);
    waits_.erase(wait);
    if (!over.interrupted) TakeLock(over.wanted);
    lock.Unlock();
    over.done(over.interrupted ? PosixError(EINTR, "interrupted") : absl::OkStatus());
    lock.Lock();
  }
}

size_t MemoryVfs::lock_waits() {
  MutexLock lock(&mutex_);
  return waits_.size();
}

}  // namespace weft::fuse
