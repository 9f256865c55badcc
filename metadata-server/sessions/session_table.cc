#include "metadata-server/sessions/session_table.h"

#include <spdlog/spdlog.h>

#include <algorithm>
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

SessionTable::SessionTable(Options options, KvStore* store, Clock* clock)
    : options_(std::move(options)), store_(store), clock_(clock), last_expire_(clock->Now()) {}

absl::StatusOr<std::unique_ptr<SessionTable>> SessionTable::Load(Options options, KvStore* store,
                                                                 Clock* clock) {
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
  return table;
}

absl::StatusOr<SessionId> SessionTable::Open(const proto::OpenSessionRequest& client) {
  SessionId id;
  {
    MutexLock lock(&mutex_);
    for (auto& [known, session] : sessions_) {
      if (session.ending || session.client.client_uuid() != client.client_uuid()) continue;
      session.last_heard = clock_->Now();
      return known;
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

absl::Status SessionTable::Touch(SessionId session) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.ending) return Gone(session);
  found->second.last_heard = clock_->Now();
  return absl::OkStatus();
}

absl::Status SessionTable::Close(SessionId session) {
  {
    MutexLock lock(&mutex_);
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || found->second.ending) return absl::OkStatus();
    found->second.ending = true;
  }
  // Where something cannot be released now, Expire tries again; the client need not wait.
  const absl::Status status = Finish(session, false);
  if (!status.ok()) {
    spdlog::warn("session {}: not released yet: {}", session.value(), MessageOf(status));
  }
  return absl::OkStatus();
}

absl::Status SessionTable::Finish(SessionId session, bool expired) {
  WEFT_RETURN_IF_ERROR(options_.end(session, expired));
  Batch batch;
  batch.Delete(Family::kSession, KeyOf(session));
  WEFT_RETURN_IF_ERROR(store_->Commit(batch));
  MutexLock lock(&mutex_);
  sessions_.erase(session);
  return absl::OkStatus();
}

void SessionTable::Expire() {
  std::vector<std::pair<SessionId, bool>> ending;
  {
    MutexLock lock(&mutex_);
    const Clock::TimePoint now = clock_->Now();
    const bool stood_still = now - last_expire_ > options_.ttl / 2;
    last_expire_ = now;
    for (auto& [id, session] : sessions_) {
      if (stood_still) session.last_heard = now;
      if (!session.ending && now - session.last_heard > options_.ttl) {
        spdlog::warn("session {} of {}:{} expired", id.value(), session.client.host(),
                     session.client.mount_point());
        session.ending = session.expired = true;
      }
      if (session.ending) ending.emplace_back(id, session.expired);
    }
  }
  for (const auto& [session, expired] : ending) {
    const absl::Status status = Finish(session, expired);
    if (!status.ok()) {
      spdlog::warn("session {}: not released yet: {}", session.value(), MessageOf(status));
    }
  }
  MutexLock lock(&mutex_);
  last_expire_ = clock_->Now();  // releasing may take long: that was not a standstill
}

std::vector<SessionInfo> SessionTable::List() const {
  std::vector<SessionInfo> infos;
  {
    MutexLock lock(&mutex_);
    const Clock::TimePoint now = clock_->Now();
    for (const auto& [id, session] : sessions_) {
      if (session.ending) continue;
      infos.push_back(
          {id, session.client,
           std::chrono::duration_cast<std::chrono::milliseconds>(now - session.last_heard)});
    }
  }
  std::sort(infos.begin(), infos.end(),
            [](const SessionInfo& a, const SessionInfo& b) { return a.id < b.id; });
  return infos;
}

}  // namespace weft::metadata
