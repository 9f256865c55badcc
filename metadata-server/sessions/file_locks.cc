#include "metadata-server/sessions/file_locks.h"

#include <algorithm>
#include <cerrno>

#include "common/status.h"

namespace weft::metadata {
namespace {

absl::Status TooMany() {
  return PosixError(ENOLCK, "too many locks: of one file up to " +
                                std::to_string(kMaxLocksPerInode) + ", of one mount up to " +
                                std::to_string(kMaxLocksPerSession));
}

absl::Status Paused() {
  return PosixError(ETIMEDOUT, "the server has restarted and waits for mounts to tell their locks");
}

}  // namespace

bool FileLocks::IsBlockedByHolder(const Table& table, const LockRequest& request) {
  return std::any_of(table.holders.begin(), table.holders.end(), [&](const auto& entry) {
    return entry.first != request.owner &&
           entry.second.ranges.FindConflict(request.range, request.type);
  });
}

absl::Status FileLocks::Set(const LockRequest& request) {
  MutexLock lock(&mutex_);
  if (paused_) return Paused();
  const Key key{request.inode, request.kind};
  const absl::Status status = TryNow(key, request);
  Advance(key);  // it may have given up something, too
  return status;
}

absl::Status FileLocks::TryNow(const Key& key, const LockRequest& request) {
  // A range that is set in the middle of another makes three of one.
  if (!HasRoom(key, request.owner.session, 2)) return TooMany();
  Table& table = tables_[key];
  if (!IsBlockedByHolder(table, request)) {
    Grant(key, request);
    return absl::OkStatus();
  }
  if (request.kind == LockKind::kFlock) {
    const auto held = table.holders.find(request.owner);
    if (held != table.holders.end() && !held->second.ranges.Covers(request.range, request.type)) {
      RemoveHolder(key, table, request.owner);
    }
  }
  return PosixError(EAGAIN, "somebody else holds a conflicting lock");
}

absl::StatusOr<FileLocks::Outcome> FileLocks::SetOrWait(const LockRequest& request,
                                                        uint64_t wait_id, Clock::TimePoint now) {
  MutexLock lock(&mutex_);
  const WaitName name(request.owner.session, wait_id);
  if (waits_.contains(name)) return Outcome::kQueued;
  const Key key{request.inode, request.kind};
  if (!HasRoom(key, request.owner.session, 2)) return TooMany();
  const auto table = tables_.find(key);
  const bool has_queue = table != tables_.end() && !table->second.waiters.empty();
  if (!paused_ && (!has_queue || request.kind == LockKind::kFlock)) {
    // With others in the queue this only gives up a flock that is to be changed.
    const bool is_blocked = table != tables_.end() && IsBlockedByHolder(table->second, request);
    if (is_blocked || !has_queue) {
      const absl::Status status = TryNow(key, request);
      if (status.ok()) Advance(key);
      if (ErrnoOf(status) != EAGAIN) {
        WEFT_RETURN_IF_ERROR(status);
        return Outcome::kGranted;
      }
    }
  }
  Enqueue(key, request, wait_id, now);
  answered_ = name;
  absl::Status status;
  if (request.kind == LockKind::kPosix) status = ResolveCycles(request.owner);
  if (!status.ok()) RemoveWait(name);
  Advance(key);
  answered_ = {};
  WEFT_RETURN_IF_ERROR(status);
  return waits_.contains(name) ? Outcome::kQueued : Outcome::kGranted;
}

bool FileLocks::Cancel(const LockRequest& request, uint64_t wait_id) {
  MutexLock lock(&mutex_);
  const Key key{request.inode, request.kind};
  if (RemoveWait({request.owner.session, wait_id})) {
    Advance(key);  // others stood behind it
    return false;
  }
  const auto table = tables_.find(key);
  if (table == tables_.end()) return false;
  const auto held = table->second.holders.find(request.owner);
  return held != table->second.holders.end() &&
         held->second.ranges.Covers(request.range, request.type);
}

absl::Status FileLocks::Unlock(const LockRequest& request) {
  MutexLock lock(&mutex_);
  const Key key{request.inode, request.kind};
  const auto table = tables_.find(key);
  if (table == tables_.end()) return absl::OkStatus();
  const auto held = table->second.holders.find(request.owner);
  if (held == table->second.holders.end()) return absl::OkStatus();
  LockRanges& ranges = held->second.ranges;
  const size_t before = ranges.size();
  if (!HasRoom(key, request.owner.session, 1)) {
    LockRanges after = ranges;
    after.Clear(request.range);
    if (after.size() > before) return TooMany();
  }
  ranges.Clear(request.range);
  Count(table->second, request.owner.session, before, ranges.size());
  if (ranges.empty()) RemoveHolder(key, table->second, request.owner);
  Advance(key);
  return absl::OkStatus();
}

void FileLocks::ReleaseOwner(InodeId inode, LockKind kind, LockOwner owner) {
  MutexLock lock(&mutex_);
  const Key key{inode, kind};
  Remove(key, owner.session, owner.owner);
  Advance(key);
}

void FileLocks::ReleaseSession(SessionId session) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  std::vector<Key> keys;
  for (const auto& [key, references] : found->second.tables) keys.push_back(key);
  for (const Key& key : keys) Remove(key, session, std::nullopt);
  for (const Key& key : keys) Advance(key);
}

absl::Status FileLocks::Reclaim(const LockRequest& request) {
  MutexLock lock(&mutex_);
  const Key key{request.inode, request.kind};
  const absl::Status status = TryNow(key, request);
  Advance(key);
  return status;
}

void FileLocks::Resume() {
  MutexLock lock(&mutex_);
  paused_ = false;
  std::vector<Key> keys;
  for (const auto& [key, table] : tables_) keys.push_back(key);
  // Waits that were queued meanwhile were not looked at yet.
  std::vector<std::pair<WaitName, LockOwner>> waits;
  for (const auto& [key, table] : tables_) {
    if (key.kind != LockKind::kPosix) continue;
    for (const Waiter& waiter : table.waiters) {
      waits.push_back({{waiter.request.owner.session, waiter.wait_id}, waiter.request.owner});
    }
  }
  for (const Key& key : keys) Advance(key);
  for (const auto& [name, owner] : waits) {
    // Its client asks again, and is told then.
    if (waits_.contains(name) && !ResolveCycles(owner).ok()) RemoveWait(name);
  }
}

absl::StatusOr<std::optional<LockRequest>> FileLocks::FindConflict(
    const LockRequest& request) const {
  MutexLock lock(&mutex_);
  if (paused_) return Paused();
  const auto table = tables_.find(Key{request.inode, request.kind});
  if (table == tables_.end()) return std::nullopt;
  std::optional<LockRequest> first;  // fcntl(2) does not say which; the first is the same each time
  for (const auto& [owner, holder] : table->second.holders) {
    if (owner == request.owner) continue;
    const auto part = holder.ranges.FindConflict(request.range, request.type);
    if (!part || (first && first->range.first <= part->range.first)) continue;
    first = LockRequest{request.inode, request.kind, owner, holder.pid, part->range, part->type};
  }
  return first;
}

std::pair<std::vector<FileLocks::Entry>, bool> FileLocks::List(InodeId inode, size_t max) const {
  std::vector<Entry> entries;
  MutexLock lock(&mutex_);
  std::vector<Key> keys;
  for (const auto& [key, table] : tables_) {
    if (inode.is_none() || key.inode == inode) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    return std::pair(a.inode, a.kind) < std::pair(b.inode, b.kind);
  });
  for (const Key& key : keys) {
    const Table& table = tables_.at(key);
    for (const auto& held : table.holders) {
      const auto add = [&](const LockRanges::Part& part) {
        entries.push_back(
            {{key.inode, key.kind, held.first, held.second.pid, part.range, part.type}, false, {}});
      };
      held.second.ranges.ForEach(add);
    }
    for (const Waiter& waiter : table.waiters) {
      entries.push_back({waiter.request, true, waiter.since});
    }
    if (entries.size() > max) {
      entries.resize(max);
      return {std::move(entries), true};
    }
  }
  return {std::move(entries), false};
}

void FileLocks::Advance(const Key& key) {
  const auto found = tables_.find(key);
  if (found == tables_.end()) return;
  Table& table = found->second;
  // What is granted may make way for others: who waits for less than it holds gives up the rest.
  for (bool again = !paused_; again;) {
    again = false;
    for (size_t i = 0; i < table.waiters.size();) {
      bool is_blocked = IsBlockedByHolder(table, table.waiters[i].request);
      ForEachBefore(table, i, [&](const Waiter&) {
        is_blocked = true;
        return false;
      });
      if (is_blocked) {
        ++i;
        continue;
      }
      const LockRequest request = table.waiters[i].request;
      const WaitName name(request.owner.session, table.waiters[i].wait_id);
      RemoveWaiter(key, table, i);
      Grant(key, request);
      again = true;
      if (name != answered_ && options_.on_granted) options_.on_granted(name.first, name.second);
    }
  }
  if (table.holders.empty() && table.waiters.empty()) tables_.erase(found);
}

void FileLocks::Grant(const Key& key, const LockRequest& request) {
  Table& table = tables_.at(key);
  const auto [held, is_new] = table.holders.try_emplace(request.owner);
  if (is_new) {
    AddReference(key, request.owner.session);
    if (key.kind == LockKind::kPosix) ++owners_[request.owner].holds;
  }
  const size_t before = held->second.ranges.size();
  held->second.ranges.Set(request.range, request.type);
  held->second.pid = request.pid;
  Count(table, request.owner.session, before, held->second.ranges.size());
}

void FileLocks::Enqueue(const Key& key, const LockRequest& request, uint64_t wait_id,
                        Clock::TimePoint now) {
  Table& table = tables_[key];
  table.waiters.push_back({request, wait_id, now});
  waits_.emplace(WaitName(request.owner.session, wait_id), key);
  AddReference(key, request.owner.session);
  Count(table, request.owner.session, 0, 1);
  if (key.kind == LockKind::kPosix) owners_[request.owner].waits.push_back(key);
}

void FileLocks::Remove(const Key& key, SessionId session, std::optional<uint64_t> owner) {
  const auto found = tables_.find(key);
  if (found == tables_.end()) return;
  Table& table = found->second;
  const auto is_meant = [&](const LockOwner& other) {
    return other.session == session && (!owner || other.owner == *owner);
  };
  for (size_t i = table.waiters.size(); i-- > 0;) {
    if (is_meant(table.waiters[i].request.owner)) RemoveWaiter(key, table, i);
  }
  std::vector<LockOwner> holders;
  for (const auto& [holder, ranges] : table.holders) {
    if (is_meant(holder)) holders.push_back(holder);
  }
  for (const LockOwner& holder : holders) RemoveHolder(key, table, holder);
}

void FileLocks::RemoveHolder(const Key& key, Table& table, LockOwner owner) {
  const auto held = table.holders.find(owner);
  Count(table, owner.session, held->second.ranges.size(), 0);
  table.holders.erase(held);
  DropReference(key, owner.session);
  if (key.kind != LockKind::kPosix) return;
  --owners_.at(owner).holds;
  ForgetIfIdle(owner);
}

void FileLocks::RemoveWaiter(const Key& key, Table& table, size_t index) {
  const LockOwner owner = table.waiters[index].request.owner;
  waits_.erase(WaitName(owner.session, table.waiters[index].wait_id));
  table.waiters.erase(table.waiters.begin() + static_cast<ptrdiff_t>(index));
  Count(table, owner.session, 1, 0);
  DropReference(key, owner.session);
  if (key.kind != LockKind::kPosix) return;
  std::vector<Key>& waits = owners_.at(owner).waits;
  waits.erase(std::find(waits.begin(), waits.end(), key));
  ForgetIfIdle(owner);
}

bool FileLocks::RemoveWait(const WaitName& name) {
  const auto wait = waits_.find(name);
  if (wait == waits_.end()) return false;
  const Key key = wait->second;
  Table& table = tables_.at(key);
  for (size_t i = 0; i < table.waiters.size(); ++i) {
    const Waiter& waiter = table.waiters[i];
    if (WaitName(waiter.request.owner.session, waiter.wait_id) != name) continue;
    RemoveWaiter(key, table, i);
    return true;
  }
  return false;
}

bool FileLocks::HasRoom(const Key& key, SessionId session, size_t more) const {
  const auto table = tables_.find(key);
  const auto counted = sessions_.find(session);
  return (table == tables_.end() || table->second.count + more <= kMaxLocksPerInode) &&
         (counted == sessions_.end() || counted->second.count + more <= kMaxLocksPerSession);
}

void FileLocks::Count(Table& table, SessionId session, size_t before, size_t after) {
  table.count = table.count - before + after;
  Session& counted = sessions_.at(session);
  counted.count = counted.count - before + after;
}

void FileLocks::AddReference(const Key& key, SessionId session) {
  ++sessions_[session].tables[key];
}

void FileLocks::DropReference(const Key& key, SessionId session) {
  const auto found = sessions_.find(session);
  const auto references = found->second.tables.find(key);
  if (--references->second > 0) return;
  found->second.tables.erase(references);
  if (found->second.tables.empty()) sessions_.erase(found);
}

void FileLocks::ForgetIfIdle(LockOwner owner) {
  const auto found = owners_.find(owner);
  if (found->second.holds == 0 && found->second.waits.empty()) owners_.erase(found);
}

}  // namespace weft::metadata
