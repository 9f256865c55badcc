#include "metadata-server/sessions/session_locks.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <string>

#include "common/status.h"

namespace weft::metadata {
namespace {

absl::Status CheckLock(const proto::FileLock& lock) {
  if (lock.inode_id() == 0) return PosixError(EINVAL, "a lock needs an inode");
  if (lock.kind() != proto::LOCK_FLOCK && lock.kind() != proto::LOCK_POSIX) {
    return PosixError(EINVAL, "there is no such kind of lock");
  }
  if (lock.type() != proto::READ_LOCK && lock.type() != proto::WRITE_LOCK &&
      lock.type() != proto::NO_LOCK) {
    return PosixError(EINVAL, "there is no such type of lock");
  }
  if (lock.first_byte() > lock.last_byte() || lock.last_byte() > kLastLockByte) {
    return PosixError(EINVAL, "the range of a lock is malformed");
  }
  const bool is_whole = lock.first_byte() == 0 && lock.last_byte() == kLastLockByte;
  if (lock.kind() == proto::LOCK_FLOCK && !is_whole) {
    return PosixError(EINVAL, "flock locks whole files");
  }
  return absl::OkStatus();
}

}  // namespace

LockRequest ToLockRequest(SessionId session, const proto::FileLock& lock) {
  return {.inode = InodeId(lock.inode_id()),
          .kind = lock.kind() == proto::LOCK_FLOCK ? LockKind::kFlock : LockKind::kPosix,
          .owner = {session, lock.owner()},
          .pid = lock.pid(),
          .range = {lock.first_byte(), lock.last_byte()},
          .type = lock.type() == proto::WRITE_LOCK ? LockType::kWrite : LockType::kRead};
}

proto::FileLock ToProto(const LockRequest& lock) {
  proto::FileLock message;
  message.set_inode_id(lock.inode.value());
  message.set_kind(lock.kind == LockKind::kFlock ? proto::LOCK_FLOCK : proto::LOCK_POSIX);
  message.set_owner(lock.owner.owner);
  message.set_type(lock.type == LockType::kWrite ? proto::WRITE_LOCK : proto::READ_LOCK);
  message.set_first_byte(lock.range.first);
  message.set_last_byte(lock.range.last);
  message.set_pid(lock.pid);
  return message;
}

SessionLocks::SessionLocks(Options options, const Clock* clock)
    : clock_(clock),
      locks_({.on_granted = std::move(options.on_granted), .paused = !options.awaited.empty()}),
      awaited_(options.awaited.begin(), options.awaited.end()) {}

absl::Status SessionLocks::CheckReported(SessionId session) const {
  if (!awaited_.contains(session)) return absl::OkStatus();
  // A late repetition of its report must find nothing that was changed after it.
  return PosixError(ETIMEDOUT, "the server has restarted: the session's locks are not known yet");
}

template <typename Execute>
absl::StatusOr<bool> SessionLocks::Once(const proto::Mutation& mutation, Execute execute) {
  MutexLock lock(&mutex_);
  const SessionId session(mutation.session_id());
  WEFT_RETURN_IF_ERROR(CheckReported(session));
  Answers& answers = answers_[session];
  if (mutation.acknowledged() > answers.acknowledged) {
    answers.acknowledged = mutation.acknowledged();
    answers.kept.erase(answers.kept.begin(), answers.kept.upper_bound(answers.acknowledged));
  }
  if (mutation.sequence() <= answers.acknowledged) {
    return PosixError(ESTALE, "a late repetition of a request whose answer the client has");
  }
  if (const auto kept = answers.kept.find(mutation.sequence()); kept != answers.kept.end()) {
    WEFT_RETURN_IF_ERROR(kept->second.status);
    return kept->second.flag;
  }
  if (answers.kept.size() >= kMaxKeptLockAnswers) {
    return PosixError(EBUSY, "the session has too many requests outstanding");
  }
  const absl::StatusOr<bool> flag = execute();
  if (ErrnoOf(flag.status()) == ETIMEDOUT) return flag;
  answers.kept[mutation.sequence()] = {flag.status(), flag.ok() && *flag};
  return flag;
}

absl::StatusOr<proto::GetLockReply> SessionLocks::Get(const proto::GetLockRequest& request) const {
  WEFT_RETURN_IF_ERROR(CheckLock(request.lock()));
  const SessionId session(request.session_id());
  MutexLock lock(&mutex_);
  WEFT_RETURN_IF_ERROR(CheckReported(session));
  WEFT_ASSIGN_OR_RETURN(const auto conflict,
                        locks_.FindConflict(ToLockRequest(session, request.lock())));
  proto::GetLockReply reply;
  if (!conflict) {
    reply.mutable_conflict()->set_type(proto::NO_LOCK);
    return reply;
  }
  *reply.mutable_conflict() = ToProto(*conflict);
  reply.set_session_id(conflict->owner.session.value());
  return reply;
}

absl::StatusOr<bool> SessionLocks::SetLocked(const LockRequest& lock, proto::LockType type,
                                             uint64_t wait_id) {
  if (type == proto::NO_LOCK) {
    WEFT_RETURN_IF_ERROR(locks_.Unlock(lock));
    return false;
  }
  if (wait_id == 0) {
    WEFT_RETURN_IF_ERROR(locks_.Set(lock));
    return false;
  }
  WEFT_ASSIGN_OR_RETURN(const FileLocks::Outcome outcome,
                        locks_.SetOrWait(lock, wait_id, clock_->Now()));
  return outcome == FileLocks::Outcome::kQueued;
}

absl::StatusOr<proto::SetLockReply> SessionLocks::Set(const proto::SetLockRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckLock(request.lock()));
  const SessionId session(request.mutation().session_id());
  WEFT_ASSIGN_OR_RETURN(const bool queued, Once(request.mutation(), [&] {
                          mutex_.AssertHeld();
                          return SetLocked(ToLockRequest(session, request.lock()),
                                           request.lock().type(), request.wait_id());
                        }));
  proto::SetLockReply reply;
  reply.set_queued(queued);
  reply.set_session_id(session.value());
  return reply;
}

absl::StatusOr<proto::CancelLockReply> SessionLocks::Cancel(
    const proto::CancelLockRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckLock(request.lock()));
  const SessionId session(request.mutation().session_id());
  WEFT_ASSIGN_OR_RETURN(const bool granted, Once(request.mutation(), [&]() -> absl::StatusOr<bool> {
                          return locks_.Cancel(ToLockRequest(session, request.lock()),
                                               request.wait_id());
                        }));
  proto::CancelLockReply reply;
  reply.set_granted(granted);
  reply.set_session_id(session.value());
  return reply;
}

absl::StatusOr<proto::ReleaseLocksReply> SessionLocks::Release(
    const proto::ReleaseLocksRequest& request) {
  const LockKind kind = request.kind() == proto::LOCK_FLOCK ? LockKind::kFlock : LockKind::kPosix;
  const LockOwner owner{SessionId(request.mutation().session_id()), request.owner()};
  WEFT_RETURN_IF_ERROR(Once(request.mutation(), [&]() -> absl::StatusOr<bool> {
                         locks_.ReleaseOwner(InodeId(request.inode_id()), kind, owner);
                         return false;
                       }).status());
  proto::ReleaseLocksReply reply;
  reply.set_session_id(owner.session.value());
  return reply;
}

std::vector<proto::FileLock> SessionLocks::Report(SessionId session,
                                                  const proto::LockReport& report) {
  std::vector<proto::FileLock> lost;
  MutexLock lock(&mutex_);
  if (!awaited_.contains(session)) return lost;
  for (const proto::FileLock& held : report.locks()) {
    absl::Status status = CheckLock(held);
    if (status.ok()) status = locks_.Reclaim(ToLockRequest(session, held));
    if (status.ok()) continue;
    spdlog::warn("session {} has lost a lock of inode {}: {}", session.value(), held.inode_id(),
                 MessageOf(status));
    lost.push_back(held);
  }
  StopAwaiting(session);
  return lost;
}

void SessionLocks::EndSession(SessionId session) {
  MutexLock lock(&mutex_);
  answers_.erase(session);
  locks_.ReleaseSession(session);
  StopAwaiting(session);
}

void SessionLocks::StopAwaiting(SessionId session) {
  if (awaited_.erase(session) == 0 || !awaited_.empty()) return;
  spdlog::info("all mounts of before the restart have told their locks, or are gone");
  locks_.Resume();
}

size_t SessionLocks::awaited() const {
  MutexLock lock(&mutex_);
  return awaited_.size();
}

}  // namespace weft::metadata
