// How this mount has inodes open, as the metadata-server should count it, and which requests that
// change it are not answered yet: what a report of opens says (see KeepAliveRequest). Knows nothing
// of handles. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "client/core/sequence.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "proto/metadata.pb.h"

namespace weft::client {

class OpenLedger {
 public:
  // Requests of `session` count from now on: it is new.
  void UseSession(SessionId session) WEFT_EXCLUDES(mutex_);

  // A Create, Open or Close begins: takes its number. Ended by one of the others.
  [[nodiscard]] SequenceTracker::Numbers Begin(SessionId session, SequenceTracker* tracker)
      WEFT_EXCLUDES(mutex_);
  // It has opened, or closed, one. Before the number is given back to the tracker.
  void Opened(SessionId session, uint64_t sequence, InodeId inode, bool for_writing)
      WEFT_EXCLUDES(mutex_);
  void Closed(SessionId session, uint64_t sequence, InodeId inode, bool for_writing)
      WEFT_EXCLUDES(mutex_);
  // It has changed nothing, and will not be repeated under this number.
  void End(SessionId session, uint64_t sequence) WEFT_EXCLUDES(mutex_);

  // Fills in a report of what is open to that session.
  void Report(SessionId session, proto::KeepAliveRequest* request) const WEFT_EXCLUDES(mutex_);

 private:
  using How = std::pair<InodeId, bool>;         // an inode, for writing or not
  using Call = std::pair<SessionId, uint64_t>;  // session, sequence

  mutable Mutex mutex_;
  std::map<How, uint32_t> counts_ WEFT_GUARDED_BY(mutex_);
  SessionId session_ WEFT_GUARDED_BY(mutex_);
  uint64_t last_ WEFT_GUARDED_BY(mutex_) = 0;       // sequence of session_
  std::set<Call> running_ WEFT_GUARDED_BY(mutex_);  // bounded by the threads that call
};

}  // namespace weft::client
