#include "client/core/lock_client.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "common/status.h"

namespace weft::client {
namespace {

using std::chrono::milliseconds;

// Between two times that a wait is asked for without a word from the server.
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{2'000};

template <typename Reply>
HeldLocks::Origin OriginOf(const Reply& reply) {
  return {reply.server_start(), SessionId(reply.session_id())};
}

// The server may have done it all the same.
bool MayBeDone(const absl::Status& status) { return ErrnoOf(status) == EIO; }

}  // namespace

LockClient::LockClient(MetadataClient* metadata, Taken taken)
    : metadata_(metadata), taken_(std::move(taken)), thread_([this] { Run(); }) {}

void LockClient::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  std::map<uint64_t, std::shared_ptr<Wait>> left;
  {
    MutexLock lock(&mutex_);
    left.swap(waits_);
  }
  for (const auto& [id, wait] : left) wait->done(PosixError(EINTR, "the mount ends"));
}

uint64_t LockClient::Lock(HandleId handle, const proto::FileLock& wanted, LockWait how,
                          LockDone done) {
  if (how == LockWait::kNo) {
    const absl::StatusOr<bool> queued = CallSet(handle, wanted, 0, WaitState::kNone);
    if (queued.ok()) {
      taken_(handle, std::move(done));
    } else {
      done(queued.status());
    }
    return 0;
  }
  auto wait = std::make_shared<Wait>();
  wait->handle = handle;
  wait->lock = wanted;
  wait->done = std::move(done);
  wait->pause = kFirstPause;
  {
    // Before the call, so that a grant or an interruption meanwhile is not missed.
    MutexLock lock(&mutex_);
    wait->id = ++last_id_;
    waits_.emplace(wait->id, wait);
  }
  const absl::StatusOr<bool> queued = CallSet(handle, wanted, wait->id, WaitState::kFirst);
  if (queued.ok() && *queued) {
    const uint64_t id = wait->id;
    Park(*wait);
    return id;
  }
  Finish(*wait, queued.status());
  return 0;
}

void LockClient::Interrupt(uint64_t number) {
  MutexLock lock(&mutex_);
  const auto found = waits_.find(number);
  if (found == waits_.end()) return;
  found->second->interrupted = true;
  wake_.Signal();
}

void LockClient::OnGranted(const proto::LockGrantedRequest& request) {
  MutexLock lock(&mutex_);
  for (const uint64_t id : request.wait_ids()) {
    if (const auto found = waits_.find(id); found != waits_.end()) found->second->ask_now = true;
  }
  wake_.Signal();
}

void LockClient::Run() {
  while (const std::shared_ptr<Wait> wait = NextDue()) Serve(wait);
}

std::shared_ptr<LockClient::Wait> LockClient::NextDue() {
  MutexLock lock(&mutex_);
  for (;;) {
    if (stopping_) return nullptr;
    const Clock::time_point now = Clock::now();
    Clock::time_point next = now + kLongestPause;
    for (const auto& [id, wait] : waits_) {
      if (wait->is_busy) continue;
      if (wait->interrupted || wait->ask_now || wait->next <= now) {
        wait->is_busy = true;
        return wait;
      }
      next = std::min(next, wait->next);
    }
    wake_.WaitUntil(&mutex_, next);
  }
}

void LockClient::Serve(const std::shared_ptr<Wait>& wait) {
  bool interrupted = false;
  {
    MutexLock lock(&mutex_);
    interrupted = wait->interrupted;
    wait->ask_now = false;
  }
  if (interrupted) return Finish(*wait, CallCancel(*wait));
  const absl::StatusOr<bool> queued =
      CallSet(wait->handle, wait->lock, wait->id, WaitState::kAgain);
  if (queued.ok() && *queued) return Park(*wait);
  Finish(*wait, queued.status());
}

void LockClient::Park(Wait& wait) {
  MutexLock lock(&mutex_);
  wait.next = Clock::now() + wait.pause;
  wait.pause = std::min(wait.pause * 2, kLongestPause);
  wait.is_busy = false;
  wake_.Signal();
}

void LockClient::Finish(Wait& wait, const absl::Status& status) {
  std::shared_ptr<Wait> last;  // keeps it until the end of this
  {
    MutexLock lock(&mutex_);
    const auto found = waits_.find(wait.id);
    if (found != waits_.end()) {
      last = std::move(found->second);
      waits_.erase(found);
    }
  }
  if (status.ok()) {
    taken_(wait.handle, std::move(wait.done));
  } else {
    wait.done(status);
  }
}

absl::StatusOr<bool> LockClient::CallSet(HandleId handle, const proto::FileLock& lock,
                                         uint64_t wait_id, WaitState state) {
  HeldLocks::Turn turn(&held_, HeldLocks::KeyOf(lock));
  turn.Expect(handle);
  if (state == WaitState::kFirst) turn.BeginWait();
  for (;;) {
    proto::SetLockRequest request;
    *request.mutable_lock() = lock;
    request.set_wait_id(wait_id);
    const auto reply = metadata_->SetLock(std::move(request));
    if (reply.ok() && reply->queued()) {
      turn.NoteNotSet(lock);
      return true;
    }
    if (reply.ok() && !turn.Note(lock, OriginOf(*reply))) continue;
    if (state != WaitState::kNone) turn.EndWait();
    if (reply.ok()) return false;
    if (MayBeDone(reply.status())) {
      turn.NoteUnknown();
    } else {
      turn.NoteNotSet(lock);
    }
    return reply.status();
  }
}

absl::Status LockClient::CallCancel(const Wait& wait) {
  HeldLocks::Turn turn(&held_, HeldLocks::KeyOf(wait.lock));
  for (;;) {
    proto::CancelLockRequest request;
    *request.mutable_lock() = wait.lock;
    request.set_wait_id(wait.id);
    const auto reply = metadata_->CancelLock(std::move(request));
    if (reply.ok() && reply->granted()) {
      if (!turn.Note(wait.lock, OriginOf(*reply))) continue;
      turn.EndWait();
      return absl::OkStatus();
    }
    turn.EndWait();
    if (!reply.ok()) turn.NoteUnknown();
    return PosixError(EINTR, "interrupted while it waited for a lock");
  }
}

absl::Status LockClient::Unlock(const proto::FileLock& lock) {
  const HeldLocks::Key key = HeldLocks::KeyOf(lock);
  if (!held_.MayHold(key)) return absl::OkStatus();
  HeldLocks::Turn turn(&held_, key);
  for (;;) {
    proto::SetLockRequest request;
    *request.mutable_lock() = lock;
    const auto reply = metadata_->SetLock(std::move(request));
    if (!reply.ok()) {
      if (MayBeDone(reply.status())) turn.NoteUnknown();
      return reply.status();
    }
    if (turn.Note(lock, OriginOf(*reply))) return absl::OkStatus();
  }
}

absl::StatusOr<proto::FileLock> LockClient::Get(const proto::FileLock& lock) {
  proto::GetLockRequest request;
  *request.mutable_lock() = lock;
  WEFT_ASSIGN_OR_RETURN(auto reply, metadata_->GetLock(std::move(request)));
  // A process of another machine has no number here.
  if (SessionId(reply.session_id()) != metadata_->session()) reply.mutable_conflict()->clear_pid();
  return std::move(*reply.mutable_conflict());
}

void LockClient::CloseOwner(const HeldLocks::Key& key) {
  if (!held_.MayHold(key)) return;
  HeldLocks::Turn turn(&held_, key);
  for (;;) {
    proto::ReleaseLocksRequest request;
    request.set_inode_id(key.inode.value());
    request.set_kind(key.kind);
    request.set_owner(key.owner);
    const auto reply = metadata_->ReleaseLocks(std::move(request));
    if (!reply.ok()) {
      turn.NoteUnknown();
      spdlog::error("inode {}: a lock is not given up: {}", key.inode.value(),
                    MessageOf(reply.status()));
      return;
    }
    if (turn.NoteReleased(OriginOf(*reply))) return;
  }
}

void LockClient::CloseHandle(HandleId handle) {
  for (const HeldLocks::Key& key : held_.OfHandle(handle)) CloseOwner(key);
}

}  // namespace weft::client
