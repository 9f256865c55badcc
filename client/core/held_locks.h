// The locks of files that this mount holds, as far as the server has said: to tell a server that
// has restarted, and to know what closing has to give up.
//
// Calls about the locks of one owner of one file take turns (Turn), so that what is noted here
// happens in the server's order. Answers of a server, or in a session, that is gone by the time
// they are noted say nothing of what is held now, and are refused. It calls nobody. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "client/core/vfs.h"
#include "common/ids.h"
#include "common/locks/lock_ranges.h"
#include "common/mutex.h"
#include "proto/metadata.pb.h"

namespace weft::client {

class HeldLocks {
 public:
  // One owner's locks of one kind on one file.
  struct Key {
    InodeId inode;
    proto::LockKind kind = proto::LOCK_POSIX;
    uint64_t owner = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.inode, static_cast<int>(key.kind), key.owner);
    }
  };
  // Where an answer comes from.
  struct Origin {
    uint64_t server_start = 0;
    SessionId session;
  };

 private:
  struct Entry {
    LockRanges ranges;
    uint32_t pid = 0;
    absl::flat_hash_set<HandleId> handles;  // through which it was locked
    uint32_t waits = 0;                     // that the server may grant
    bool unknown = false;  // a call got no answer: the server may hold more for it than `ranges`
    bool is_busy = false;  // somebody has the turn
    uint32_t queue = 0;    // who waits for the turn
  };

 public:
  // The right to make a call about the owner's locks, and to note its outcome.
  class Turn {
   public:
    Turn(HeldLocks* owner, Key key);  // waits for it
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // A call through the handle goes out that may get the owner a lock.
    void Expect(HandleId handle);
    // A wait that may be granted begins, and is over.
    void BeginWait();
    void EndWait();
    // These two say whether the answer counts; if not, the call has to be repeated.
    // The owner has the lock, or (NO_LOCK) has it no more.
    [[nodiscard]] bool Note(const proto::FileLock& lock, Origin origin);
    // It has nothing any more.
    [[nodiscard]] bool NoteReleased(Origin origin);
    // The lock was not set, or is waited for. A flock that was to be changed is gone, see flock(2).
    void NoteNotSet(const proto::FileLock& lock);
    // No answer came.
    void NoteUnknown();

   private:
    HeldLocks* const owner_;
    const Key key_;
  };

  [[nodiscard]] static Key KeyOf(const proto::FileLock& lock) {
    return {InodeId(lock.inode_id()), lock.kind(), lock.owner()};
  }
  // False: the server holds nothing for it.
  [[nodiscard]] bool MayHold(const Key& key) const WEFT_EXCLUDES(mutex_);
  // Owners that may hold something that was locked through the handle.
  [[nodiscard]] std::vector<Key> OfHandle(HandleId handle) const WEFT_EXCLUDES(mutex_);

  // All that is held, for the server that started then. Answers of others are refused from now on.
  [[nodiscard]] proto::LockReport Report(uint64_t server_start) WEFT_EXCLUDES(mutex_);
  // The session, and with it all locks, are gone. Returns the handles through which they were
  // taken.
  [[nodiscard]] std::vector<HandleId> SessionLost(SessionId session) WEFT_EXCLUDES(mutex_);
  // These locks are gone, as above.
  [[nodiscard]] std::vector<HandleId> Lost(const std::vector<proto::FileLock>& locks)
      WEFT_EXCLUDES(mutex_);

 private:
  [[nodiscard]] bool Counts(Origin origin) const WEFT_REQUIRES(mutex_);
  void ForgetHandles(const Key& key, Entry& entry) WEFT_REQUIRES(mutex_);

  mutable Mutex mutex_;
  CondVar turn_over_;
  std::map<Key, Entry> entries_ WEFT_GUARDED_BY(mutex_);  // elements stay where they are
  absl::flat_hash_map<HandleId, absl::flat_hash_set<Key>> of_handles_ WEFT_GUARDED_BY(mutex_);
  uint64_t reported_start_ WEFT_GUARDED_BY(mutex_) = 0;  // 0: nothing was reported in this session
  SessionId lost_session_ WEFT_GUARDED_BY(mutex_);       // the last one
};

}  // namespace weft::client
