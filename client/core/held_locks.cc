#include "client/core/held_locks.h"

namespace weft::client {

HeldLocks::Turn::Turn(HeldLocks* owner, Key key) : owner_(owner), key_(key) {
  MutexLock lock(&owner_->mutex_);
  Entry& entry = owner_->entries_[key_];
  ++entry.queue;
  while (entry.is_busy) owner_->turn_over_.Wait(&owner_->mutex_);
  --entry.queue;
  entry.is_busy = true;
}

HeldLocks::Turn::~Turn() {
  MutexLock lock(&owner_->mutex_);
  Entry& entry = owner_->entries_.at(key_);
  entry.is_busy = false;
  if (entry.queue > 0) {
    owner_->turn_over_.SignalAll();
    return;
  }
  if (!entry.ranges.empty() || entry.waits > 0 || entry.unknown) return;
  owner_->ForgetHandles(key_, entry);
  owner_->entries_.erase(key_);
}

void HeldLocks::Turn::Expect(HandleId handle) {
  MutexLock lock(&owner_->mutex_);
  owner_->entries_.at(key_).handles.insert(handle);
  owner_->of_handles_[handle].insert(key_);
}

void HeldLocks::Turn::BeginWait() {
  MutexLock lock(&owner_->mutex_);
  ++owner_->entries_.at(key_).waits;
}

void HeldLocks::Turn::EndWait() {
  MutexLock lock(&owner_->mutex_);
  --owner_->entries_.at(key_).waits;
}

bool HeldLocks::Turn::Note(const proto::FileLock& held, Origin origin) {
  MutexLock lock(&owner_->mutex_);
  if (!owner_->Counts(origin)) return false;
  Entry& entry = owner_->entries_.at(key_);
  const LockRange range{held.first_byte(), held.last_byte()};
  if (held.type() == proto::NO_LOCK) {
    entry.ranges.Clear(range);
    return true;
  }
  entry.ranges.Set(range, held.type() == proto::WRITE_LOCK ? LockType::kWrite : LockType::kRead);
  entry.pid = held.pid();
  return true;
}

bool HeldLocks::Turn::NoteReleased(Origin origin) {
  MutexLock lock(&owner_->mutex_);
  if (!owner_->Counts(origin)) return false;
  Entry& entry = owner_->entries_.at(key_);
  entry.ranges.Clear(kWholeFile);
  entry.unknown = false;
  return true;
}

void HeldLocks::Turn::NoteNotSet(const proto::FileLock& wanted) {
  if (wanted.kind() != proto::LOCK_FLOCK) return;
  MutexLock lock(&owner_->mutex_);
  owner_->entries_.at(key_).ranges.Clear(kWholeFile);
}

void HeldLocks::Turn::NoteUnknown() {
  MutexLock lock(&owner_->mutex_);
  owner_->entries_.at(key_).unknown = true;
}

bool HeldLocks::MayHold(const Key& key) const {
  MutexLock lock(&mutex_);
  return entries_.contains(key);
}

std::vector<HeldLocks::Key> HeldLocks::OfHandle(HandleId handle) const {
  MutexLock lock(&mutex_);
  const auto found = of_handles_.find(handle);
  if (found == of_handles_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

proto::LockReport HeldLocks::Report(uint64_t server_start) {
  proto::LockReport report;
  MutexLock lock(&mutex_);
  reported_start_ = server_start;
  for (const auto& held : entries_) {
    const auto add = [&](const LockRanges::Part& part) {
      proto::FileLock& message = *report.add_locks();
      message.set_inode_id(held.first.inode.value());
      message.set_kind(held.first.kind);
      message.set_owner(held.first.owner);
      message.set_type(part.type == LockType::kWrite ? proto::WRITE_LOCK : proto::READ_LOCK);
      message.set_first_byte(part.range.first);
      message.set_last_byte(part.range.last);
      message.set_pid(held.second.pid);
    };
    held.second.ranges.ForEach(add);
  }
  return report;
}

std::vector<HandleId> HeldLocks::SessionLost(SessionId session) {
  absl::flat_hash_set<HandleId> handles;
  MutexLock lock(&mutex_);
  lost_session_ = session;
  reported_start_ = 0;
  for (auto& [key, entry] : entries_) {
    if (!entry.ranges.empty()) handles.insert(entry.handles.begin(), entry.handles.end());
    entry.ranges.Clear(kWholeFile);
  }
  return {handles.begin(), handles.end()};
}

std::vector<HandleId> HeldLocks::Lost(const std::vector<proto::FileLock>& locks) {
  absl::flat_hash_set<HandleId> handles;
  MutexLock lock(&mutex_);
  for (const proto::FileLock& gone : locks) {
    const auto found = entries_.find(KeyOf(gone));
    if (found == entries_.end()) continue;
    found->second.ranges.Clear({gone.first_byte(), gone.last_byte()});
    handles.insert(found->second.handles.begin(), found->second.handles.end());
  }
  return {handles.begin(), handles.end()};
}

bool HeldLocks::Counts(Origin origin) const {
  if (origin.session <= lost_session_) return false;
  return reported_start_ == 0 || origin.server_start == reported_start_;
}

void HeldLocks::ForgetHandles(const Key& key, Entry& entry) {
  for (const HandleId handle : entry.handles) {
    const auto found = of_handles_.find(handle);
    found->second.erase(key);
    if (found->second.empty()) of_handles_.erase(found);
  }
  entry.handles.clear();
}

}  // namespace weft::client
