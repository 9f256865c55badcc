#include "metadata-server/sessions/kept_replies.h"

#include <utility>

#include "common/status.h"
#include "metadata-server/store/big_endian.h"

namespace weft::metadata {
namespace {

constexpr size_t kKeyBytes = 2 * kBigEndianBytes;

std::string SessionKey(SessionId session) {
  std::string key;
  AppendBigEndian(&key, session.value());
  return key;
}

std::string ReplyKey(SessionId session, uint64_t sequence) {
  std::string key = SessionKey(session);
  AppendBigEndian(&key, sequence);
  return key;
}

}  // namespace

KeptReplies::Execution::~Execution() {
  if (session_ == nullptr) return;
  MutexLock lock(&owner_->mutex_);
  session_->entries.erase(request_.sequence);
  session_->ended.SignalAll();
}

void KeptReplies::Execution::AddTo(Batch* batch, std::string_view reply) {
  std::string value(1, static_cast<char>(request_.method));
  value.append(reply);
  batch->Put(Family::kReply, ReplyKey(request_.session, request_.sequence), value);
  is_stored_ = true;
  MutexLock lock(&owner_->mutex_);
  for (const uint64_t sequence : session_->stored_and_acknowledged) {
    batch->Delete(Family::kReply, ReplyKey(request_.session, sequence));
  }
  session_->stored_and_acknowledged.clear();
}

void KeptReplies::Execution::Keep(std::string reply) {
  Entry entry;
  entry.is_stored = is_stored_;
  entry.method = request_.method;
  entry.reply = std::move(reply);
  owner_->End(std::exchange(session_, nullptr).get(), request_.sequence, std::move(entry));
}

void KeptReplies::Execution::KeepError(absl::Status error) {
  Entry entry;
  entry.method = request_.method;
  entry.error = std::move(error);
  owner_->End(std::exchange(session_, nullptr).get(), request_.sequence, std::move(entry));
}

absl::StatusOr<std::unique_ptr<KeptReplies>> KeptReplies::Load(KvStore* store) {
  std::unique_ptr<KeptReplies> replies(new KeptReplies(store));
  absl::Status damage;
  MutexLock lock(&replies->mutex_);
  WEFT_RETURN_IF_ERROR(store->Scan(
      Family::kReply, {}, {}, [&replies, &damage](std::string_view key, std::string_view value) {
        replies->mutex_.AssertHeld();
        if (key.size() != kKeyBytes || value.empty()) {
          damage = PosixError(EIO, "the metadata store is damaged: a kept reply cannot be read");
          return false;
        }
        auto& session = replies->sessions_[SessionId(ReadBigEndian(key))];
        if (session == nullptr) session = std::make_shared<Session>();
        Entry& entry = session->entries[ReadBigEndian(key.substr(kBigEndianBytes))];
        entry.state = State::kDone;
        entry.method = static_cast<uint8_t>(value[0]);
        entry.is_stored = true;
        entry.is_from_earlier_run = true;
        entry.reply = value.substr(1);
        return true;
      }));
  WEFT_RETURN_IF_ERROR(damage);
  lock.Unlock();
  return replies;
}

absl::StatusOr<KeptReplies::Start> KeptReplies::Begin(const RequestId& request) {
  if (request.session.is_none() || request.sequence == 0) {
    return PosixError(EINVAL, "a mutation without session or sequence");
  }
  MutexLock lock(&mutex_);
  std::shared_ptr<Session>& slot = sessions_[request.session];
  if (slot == nullptr) slot = std::make_shared<Session>();
  const std::shared_ptr<Session> session = slot;
  Acknowledge(session.get(), request.acknowledged);
  for (;;) {
    if (request.sequence <= session->acknowledged) {
      return PosixError(ESTALE, "a request that the client has the reply to already");
    }
    const auto found = session->entries.find(request.sequence);
    if (found == session->entries.end() || found->second.state == State::kDone) {
      return StartLocked(session, request);
    }
    session->ended.Wait(&mutex_);
  }
}

absl::StatusOr<KeptReplies::Start> KeptReplies::StartLocked(const std::shared_ptr<Session>& session,
                                                            const RequestId& request) {
  const auto found = session->entries.find(request.sequence);
  Start start;
  if (found == session->entries.end()) {
    if (session->entries.size() >= kMaxKeptRepliesPerSession) {
      return PosixError(EBUSY, "the client acknowledges no replies");
    }
    session->entries[request.sequence].method = request.method;
    start.execution.emplace(Execution(this, session, request));
    return start;
  }
  const Entry& entry = found->second;
  if (entry.method != request.method) {
    return PosixError(EINVAL, "a sequence number that was used for another request");
  }
  if (!entry.error.ok()) return entry.error;
  start.replay = Replay{entry.reply, entry.is_from_earlier_run};
  return start;
}

bool KeptReplies::TakeEarlierRun(const RequestId& request) {
  MutexLock lock(&mutex_);
  const auto session = sessions_.find(request.session);
  if (session == sessions_.end()) return false;
  const auto entry = session->second->entries.find(request.sequence);
  if (entry == session->second->entries.end()) return false;
  return std::exchange(entry->second.is_from_earlier_run, false);
}

absl::Status KeptReplies::Drop(SessionId session) {
  Batch batch;
  WEFT_RETURN_IF_ERROR(store_->Scan(Family::kReply, SessionKey(session), {},
                                    [&batch](std::string_view key, std::string_view) {
                                      batch.Delete(Family::kReply, key);
                                      return true;
                                    }));
  if (!batch.empty()) WEFT_RETURN_IF_ERROR(store_->Commit(batch));
  MutexLock lock(&mutex_);
  sessions_.erase(session);
  return absl::OkStatus();
}

void KeptReplies::Acknowledge(Session* session, uint64_t acknowledged) {
  if (acknowledged <= session->acknowledged) return;
  session->acknowledged = acknowledged;
  auto& entries = session->entries;
  for (auto entry = entries.begin(); entry != entries.end() && entry->first <= acknowledged;) {
    if (entry->second.state == State::kExecuting) {
      ++entry;
      continue;
    }
    if (entry->second.is_stored) session->stored_and_acknowledged.push_back(entry->first);
    entry = entries.erase(entry);
  }
}

void KeptReplies::End(Session* session, uint64_t sequence, Entry entry) {
  MutexLock lock(&mutex_);
  entry.state = State::kDone;
  if (sequence <= session->acknowledged) {
    // The client gave up waiting for it.
    if (entry.is_stored) session->stored_and_acknowledged.push_back(sequence);
    session->entries.erase(sequence);
  } else {
    session->entries[sequence] = std::move(entry);
  }
  session->ended.SignalAll();
}

}  // namespace weft::metadata
