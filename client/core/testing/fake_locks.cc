// FakeMetadata: locks of files.
#include <cerrno>

#include "client/core/testing/fake_metadata.h"
#include "common/status.h"

namespace weft::client {
namespace {

LockType TypeOf(const proto::FileLock& lock) {
  return lock.type() == proto::WRITE_LOCK ? LockType::kWrite : LockType::kRead;
}

}  // namespace

std::pair<uint64_t, proto::FileLock> FakeMetadata::FindConflict(uint64_t session,
                                                                const proto::FileLock& lock) {
  proto::FileLock found;
  found.set_type(proto::NO_LOCK);
  for (const auto& [key, ranges] : locks_) {
    const auto& [inode, kind, holder, owner] = key;
    if (inode != lock.inode_id() || kind != lock.kind()) continue;
    if (holder == session && owner == lock.owner()) continue;
    const auto part = ranges.FindConflict({lock.first_byte(), lock.last_byte()}, TypeOf(lock));
    if (!part) continue;
    found = lock;
    found.set_owner(owner);
    found.set_pid(77);
    found.set_type(part->type == LockType::kWrite ? proto::WRITE_LOCK : proto::READ_LOCK);
    found.set_first_byte(part->range.first);
    found.set_last_byte(part->range.last);
    return {holder, found};
  }
  return {0, found};
}

absl::Status FakeMetadata::GetLock(const proto::GetLockRequest& request, proto::GetLockReply* reply,
                                   std::string* /*payload*/) {
  auto [session, conflict] = FindConflict(request.session_id(), request.lock());
  reply->set_session_id(session);
  *reply->mutable_conflict() = std::move(conflict);
  return absl::OkStatus();
}

absl::Status FakeMetadata::SetLock(const proto::SetLockRequest& request, proto::SetLockReply* reply,
                                   std::string* /*payload*/) {
  const uint64_t session = request.mutation().session_id();
  const proto::FileLock& lock = request.lock();
  reply->set_server_start(server_start_);
  reply->set_session_id(session);
  LockRanges& ranges = locks_[{lock.inode_id(), lock.kind(), session, lock.owner()}];
  const LockRange range{lock.first_byte(), lock.last_byte()};
  if (lock.type() == proto::NO_LOCK) {
    ranges.Clear(range);
    return absl::OkStatus();
  }
  if (FindConflict(session, lock).second.type() != proto::NO_LOCK) {
    if (request.wait_id() == 0) return PosixError(EAGAIN, "locked");
    reply->set_queued(true);
    return absl::OkStatus();
  }
  ranges.Set(range, TypeOf(lock));
  return absl::OkStatus();
}

absl::Status FakeMetadata::CancelLock(const proto::CancelLockRequest& request,
                                      proto::CancelLockReply* reply, std::string* /*payload*/) {
  const uint64_t session = request.mutation().session_id();
  const proto::FileLock& lock = request.lock();
  reply->set_server_start(server_start_);
  reply->set_session_id(session);
  const auto held = locks_.find({lock.inode_id(), lock.kind(), session, lock.owner()});
  reply->set_granted(held != locks_.end() &&
                     held->second.Covers({lock.first_byte(), lock.last_byte()}, TypeOf(lock)));
  return absl::OkStatus();
}

absl::Status FakeMetadata::ReleaseLocks(const proto::ReleaseLocksRequest& request,
                                        proto::ReleaseLocksReply* reply, std::string* /*payload*/) {
  const uint64_t session = request.mutation().session_id();
  reply->set_server_start(server_start_);
  reply->set_session_id(session);
  locks_.erase({request.inode_id(), request.kind(), session, request.owner()});
  return absl::OkStatus();
}

}  // namespace weft::client
