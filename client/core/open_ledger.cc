#include "client/core/open_ledger.h"

namespace weft::client {

void OpenLedger::UseSession(SessionId session) {
  MutexLock lock(&mutex_);
  session_ = session;
  last_ = 0;
}

SequenceTracker::Numbers OpenLedger::Begin(SessionId session, SequenceTracker* tracker) {
  MutexLock lock(&mutex_);
  const SequenceTracker::Numbers numbers = tracker->Take();
  running_.emplace(session, numbers.sequence);
  if (session == session_) last_ = numbers.sequence;
  return numbers;
}

void OpenLedger::Opened(SessionId session, uint64_t sequence, InodeId inode, bool for_writing) {
  MutexLock lock(&mutex_);
  running_.erase({session, sequence});
  ++counts_[{inode, for_writing}];
}

void OpenLedger::Closed(SessionId session, uint64_t sequence, InodeId inode, bool for_writing) {
  MutexLock lock(&mutex_);
  running_.erase({session, sequence});
  const auto count = counts_.find({inode, for_writing});
  if (count != counts_.end() && --count->second == 0) counts_.erase(count);
}

void OpenLedger::End(SessionId session, uint64_t sequence) {
  MutexLock lock(&mutex_);
  running_.erase({session, sequence});
}

void OpenLedger::Report(SessionId session, proto::KeepAliveRequest* request) const {
  MutexLock lock(&mutex_);
  request->set_reports_opens(true);
  for (const auto& [how, count] : counts_) {
    proto::OpenRecord* const record = request->add_opens();
    record->set_inode_id(how.first.value());
    record->set_for_writing(how.second);
    record->set_count(count);
  }
  if (session != session_) return;  // it has carried out nothing yet
  request->set_opens_sequence(last_);
  for (const Call& call : running_) {
    if (call.first == session) request->add_opens_except(call.second);
  }
}

}  // namespace weft::client
