#include "metadata-server/sessions/session_table.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/status.h"
#include "metadata-server/store/big_endian.h"

namespace weft::metadata {
namespace {

constexpr std::string_view kNextIdKey = "session_ids";  // in kMeta: ids below were given out

std::string KeyOf(SessionId session) {
  std::string key;
  AppendBigEndian(&key, session.value());
  return key;
}

absl::Status Gone(SessionId session) {
  return PosixError(ESHUTDOWN,
                    "session " + std::to_string(session.value()) + " is unknown or has expired");
}

}  // namespace

SessionTable::SessionTable(Options options, KvStore* store, const Clock* clock)
    : options_(std::move(options)), store_(store), clock_(clock), last_mark_(clock->Now()) {}

absl::StatusOr<std::unique_ptr<SessionTable>> SessionTable::Load(Options options, KvStore* store,
                                                                 const Clock* clock) {
  std::unique_ptr<SessionTable> table(new SessionTable(std::move(options), store, clock));
  MutexLock lock(&table->mutex_);
  const absl::StatusOr<std::string> next = store->Get(Family::kMeta, kNextIdKey);
  if (next.ok()) {
    if (next->size() != kBigEndianBytes) {
      return PosixError(EIO, "the metadata store is damaged: its row of session ids is malformed");
    }
    table->next_id_ = ReadBigEndian(*next);
  } else if (ErrnoOf(next.status()) != ENOENT) {
    return next.status();
  }
  bool damaged = false;
  WEFT_RETURN_IF_ERROR(
      store->Scan(Family::kSession, {}, {}, [&](std::string_view key, std::string_view value) {
        table->mutex_.AssertHeld();
        Session session{.client = {}, .last_heard = clock->Now()};
        damaged = key.size() != kBigEndianBytes ||
                  !session.client.ParseFromArray(value.data(), static_cast<int>(value.size()));
        if (!damaged) table->sessions_.emplace(SessionId(ReadBigEndian(key)), std::move(session));
        return !damaged;
      }));
  if (damaged) return PosixError(EIO, "the metadata store is damaged: a session row is malformed");
  for (const SessionId session : table->options_.fenced) {
    const auto found = table->sessions_.find(session);
    if (found == table->sessions_.end()) continue;
    found->second.is_refused = true;
    found->second.is_expired = true;
  }
  return table;
}

absl::StatusOr<SessionId> SessionTable::Open(const proto::OpenSessionRequest& client) {
  SessionId id;
  {
    MutexLock lock(&mutex_);
    for (auto& [known, session] : sessions_) {
      if (session.is_refused || session.client.client_uuid() != client.client_uuid()) continue;
      session.last_heard = clock_->Now();
      return known;
    }
    if (sessions_.size() >= kMaxSessions) {
      return PosixError(EUSERS, "there are " + std::to_string(kMaxSessions) + " sessions already");
    }
    id = SessionId(next_id_);
    Batch batch;
    std::string next;
    AppendBigEndian(&next, next_id_ + 1);
    batch.Put(Family::kMeta, kNextIdKey, next);
    batch.Put(Family::kSession, KeyOf(id), client.SerializeAsString());
    WEFT_RETURN_IF_ERROR(store_->Commit(batch));
    ++next_id_;
    sessions_.emplace(id, Session{.client = client, .last_heard = clock_->Now()});
  }
  // A power loss must not give the id out again: kept replies go by it.
  WEFT_RETURN_IF_ERROR(store_->Sync());
  return id;
}

absl::StatusOr<SessionTable::Use> SessionTable::Begin(SessionId session) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.is_refused) return Gone(session);
  found->second.last_heard = clock_->Now();
  ++found->second.in_use;
  return Use(this, session);
}

bool SessionTable::IsReadOnly(SessionId session) const {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  return found != sessions_.end() && found->second.client.read_only();
}

void SessionTable::Release(SessionId session) {
  MutexLock lock(&mutex_);
  Session& used = sessions_.at(session);
  used.last_heard = clock_->Now();  // until now it waited for us
  --used.in_use;
}

void SessionTable::Close(SessionId session) {
  {
    MutexLock lock(&mutex_);
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || found->second.is_refused) return;
    found->second.is_refused = true;
  }
  TryEnd(session);
}

void SessionTable::MarkExpired() {
  MutexLock lock(&mutex_);
  const Clock::TimePoint now = clock_->Now();
  const bool stood_still = now - std::exchange(last_mark_, now) > options_.ttl / 2;
  for (auto& [id, session] : sessions_) {
    if (stood_still) session.last_heard = now;
    if (session.is_refused || session.in_use > 0) continue;
    if (now - session.last_heard <= options_.ttl) continue;
    spdlog::warn("session {} of {}:{} has expired", id.value(), session.client.host(),
                 session.client.mount_point());
    session.is_refused = true;
    session.is_expired = true;
  }
}

void SessionTable::EndRefused() {
  std::vector<SessionId> refused;
  {
    MutexLock lock(&mutex_);
    for (const auto& [id, session] : sessions_) {
      if (session.is_refused) refused.push_back(id);
    }
  }
  for (const SessionId session : refused) TryEnd(session);
}

void SessionTable::TryEnd(SessionId session) {
  bool is_expired = false;
  {
    MutexLock lock(&mutex_);
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || found->second.in_use > 0 || found->second.is_ending) return;
    found->second.is_ending = true;
    is_expired = found->second.is_expired;
  }
  const absl::Status status = EndAndForget(session, is_expired);
  MutexLock lock(&mutex_);
  if (status.ok()) {
    sessions_.erase(session);
    return;
  }
  Session& left = sessions_.at(session);
  left.is_ending = false;
  if (std::exchange(left.has_failed_to_end, true)) return;  // once: it is tried for ever
  spdlog::warn("session {} is not released yet: {}", session.value(), MessageOf(status));
}

absl::Status SessionTable::EndAndForget(SessionId session, bool is_expired) {
  WEFT_RETURN_IF_ERROR(options_.end(session, is_expired));
  Batch batch;
  batch.Delete(Family::kSession, KeyOf(session));
  return store_->Commit(batch);
}

std::vector<SessionInfo> SessionTable::List() const {
  std::vector<SessionInfo> infos;
  {
    MutexLock lock(&mutex_);
    const Clock::TimePoint now = clock_->Now();
    for (const auto& [id, session] : sessions_) {
      if (session.is_refused) continue;
      infos.push_back(
          {id, session.client,
           std::chrono::duration_cast<std::chrono::milliseconds>(now - session.last_heard)});
    }
  }
  std::sort(infos.begin(), infos.end(),
            [](const SessionInfo& a, const SessionInfo& b) { return a.id < b.id; });
  return infos;
}

std::vector<SessionId> SessionTable::AllIds() const {
  std::vector<SessionId> ids;
  MutexLock lock(&mutex_);
  for (const auto& [id, session] : sessions_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string SessionTable::ClientUuidOf(SessionId session) const {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.is_refused) return "";
  return found->second.client.client_uuid();
}

}  // namespace weft::metadata
