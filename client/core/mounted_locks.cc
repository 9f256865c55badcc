// MountedVfs: locks of files.
//
// A lock is how programs on several mounts keep order among their reads and writes of a file. So
// taking one makes sure that what is read next is not older than the lock, and giving one up that
// what was written before is at the servers.
#include <spdlog/spdlog.h>

#include <cerrno>
#include <utility>

#include "client/core/mounted_vfs.h"
#include "common/status.h"

namespace weft::client {

absl::StatusOr<proto::FileLock> MountedVfs::GetLock(HandleId handle, proto::FileLock lock) {
  WEFT_ASSIGN_OR_RETURN(const auto open, FindHandle(handle));
  lock.set_inode_id(open->file->inode().value());
  return locks_.Get(lock);
}

uint64_t MountedVfs::SetLock(HandleId handle, proto::FileLock lock, LockWait wait, LockDone done) {
  const auto found = FindHandle(handle);
  if (!found.ok()) {
    done(found.status());
    return 0;
  }
  Handle& open = **found;
  lock.set_inode_id(open.file->inode().value());
  const bool takes = lock.type() != proto::NO_LOCK;
  absl::Status status = takes ? open.CheckLocks() : absl::OkStatus();
  // A read lock may be what is left of a write lock. Where the bytes cannot be stored now, others
  // must not get the lock and see older ones.
  if (status.ok() && lock.type() != proto::WRITE_LOCK) status = open.file->Flush();
  if (status.ok() && takes) return locks_.Lock(handle, lock, wait, std::move(done));
  if (status.ok()) status = locks_.Unlock(lock);
  done(status);
  return 0;
}

void MountedVfs::LockTaken(HandleId handle, LockDone done) {
  const auto found = FindHandle(handle);
  if (!found.ok()) return done(found.status());  // closed meanwhile, and the lock given up
  const std::shared_ptr<File> file = (*found)->file;
  const absl::StatusOr<bool> is_old = file->Revalidate();
  if (!is_old.ok()) {
    // The caller must not read, and so must not think that it has the lock.
    spdlog::error("inode {}: locked, but its state cannot be asked for: {}", file->inode().value(),
                  MessageOf(is_old.status()));
    locks_.CloseHandle(handle);
    return done(is_old.status());
  }
  if (!*is_old && !invalidator_.IsBusy(file->inode())) return done(absl::OkStatus());
  invalidator_.Add(file->inode(), {.before = [file] { file->KernelDropped(); },
                                   .then = [done = std::move(done)] { done(absl::OkStatus()); }});
}

void MountedVfs::InterruptLock(uint64_t number) { locks_.Interrupt(number); }

void MountedVfs::CloseLocks(HandleId handle, uint64_t owner) {
  const auto open = FindHandle(handle);
  if (!open.ok()) return;
  locks_.CloseOwner({(*open)->file->inode(), proto::LOCK_POSIX, owner});
}

void MountedVfs::LocksLost(const std::vector<HandleId>& handles) {
  for (const HandleId handle : handles) {
    const auto open = FindHandle(handle);
    if (!open.ok()) continue;
    spdlog::error("inode {}: a lock is lost; reads and writes fail until the file is closed",
                  (*open)->file->inode().value());
    (*open)->lock_is_lost = true;
  }
}

}  // namespace weft::client
