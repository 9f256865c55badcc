// Locks of files: who holds which, and who waits for one. flock(2) and fcntl(2), which know nothing
// of each other.
//
// A pure table in memory, without I/O: it does not know whether an inode or a session exists, nor
// how a client is told (Options::on_granted). Nobody waits inside a call: a request that cannot be
// granted is queued, and granted later, by the call that takes the obstacle away. Thread-safe.
//
// Order: a request that is queued stands behind earlier ones that it conflicts with, so that no
// waiter starves; one that does not wait looks at holders only, as on Linux. An owner who holds
// something of the inode already does not stand behind others, and none does where it would never
// come to its turn: that order alone is never a deadlock.
//
// Deadlocks of fcntl locks are found over all inodes and sessions when a request is queued. (Locks
// of open file descriptions look like those of processes here, and so can be told of a deadlock,
// too.)
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/ids.h"
#include "common/locks/lock_ranges.h"
#include "common/mutex.h"

namespace weft::metadata {

// Ranges that are held, and waits: of one inode, and of one session. They bound the memory.
inline constexpr size_t kMaxLocksPerInode = 16'384;
inline constexpr size_t kMaxLocksPerSession = 131'072;

enum class LockKind : uint8_t { kFlock, kPosix };

// Owners of different sessions are never the same.
struct LockOwner {
  SessionId session;
  uint64_t owner = 0;
  friend bool operator==(const LockOwner&, const LockOwner&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const LockOwner& o) {
    return H::combine(std::move(state), o.session, o.owner);
  }
};

struct LockRequest {
  InodeId inode;
  LockKind kind = LockKind::kPosix;
  LockOwner owner;
  uint32_t pid = 0;
  LockRange range = kWholeFile;  // flock: always kWholeFile
  LockType type = LockType::kRead;
};

class FileLocks {
 public:
  struct Options {
    // A queued request was granted. Called with the table's lock held: it must not block or call
    // back.
    std::function<void(SessionId session, uint64_t wait_id)> on_granted;
    // Grants nothing until Resume, but to Reclaim.
    bool paused = false;
  };
  enum class Outcome { kGranted, kQueued };

  explicit FileLocks(Options options) : options_(std::move(options)), paused_(options_.paused) {}

  // Sets a lock, or changes the type of what the owner has there. EAGAIN: others hold a conflicting
  // one; a flock of another type that the owner had is gone then, as on Linux. ENOLCK: a bound is
  // reached. ETIMEDOUT: paused.
  [[nodiscard]] absl::Status Set(const LockRequest& request) WEFT_EXCLUDES(mutex_);
  // The same, but where others hold a conflicting one the request is queued under `wait_id`, which
  // is not 0 and unique in the session. One that is queued already stays where it is. EDEADLK: the
  // owner would wait for itself.
  [[nodiscard]] absl::StatusOr<Outcome> SetOrWait(const LockRequest& request, uint64_t wait_id,
                                                  Clock::TimePoint now) WEFT_EXCLUDES(mutex_);
  // Takes the request out of the queue. True where it is not there because it was granted: its
  // owner holds all of it.
  [[nodiscard]] bool Cancel(const LockRequest& request, uint64_t wait_id) WEFT_EXCLUDES(mutex_);

  // Gives up a range. `request.type` means nothing. ENOLCK: it would leave two ranges of one, and a
  // bound is reached; nothing is changed.
  [[nodiscard]] absl::Status Unlock(const LockRequest& request) WEFT_EXCLUDES(mutex_);
  // All that the owner has of an inode, its waits included.
  void ReleaseOwner(InodeId inode, LockKind kind, LockOwner owner) WEFT_EXCLUDES(mutex_);
  // All that the session has.
  void ReleaseSession(SessionId session) WEFT_EXCLUDES(mutex_);

  // A lock that was held before this table was made. EAGAIN: others have a conflicting one by now.
  [[nodiscard]] absl::Status Reclaim(const LockRequest& request) WEFT_EXCLUDES(mutex_);
  // Ends the pause.
  void Resume() WEFT_EXCLUDES(mutex_);

  // A lock that keeps the request from being granted, with the range that is held. ETIMEDOUT:
  // paused.
  [[nodiscard]] absl::StatusOr<std::optional<LockRequest>> FindConflict(
      const LockRequest& request) const WEFT_EXCLUDES(mutex_);

  struct Entry {
    LockRequest lock;
    bool waiting = false;
    Clock::TimePoint since;  // of a wait
  };
  // What is held and waited for, of one inode or (none) of all; at most `max` entries, and whether
  // there are more. Holders of a table come before its waits, which stand in their order.
  [[nodiscard]] std::pair<std::vector<Entry>, bool> List(InodeId inode, size_t max) const
      WEFT_EXCLUDES(mutex_);

 private:
  struct Key {
    InodeId inode;
    LockKind kind = LockKind::kPosix;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.inode, key.kind);
    }
  };
  struct Holder {
    LockRanges ranges;  // not empty
    uint32_t pid = 0;   // who set one last
  };
  struct Waiter {
    LockRequest request;
    uint64_t wait_id = 0;
    Clock::TimePoint since;
    bool may_overtake = false;  // it need not wait for those before it
  };
  // The locks of one kind of one inode.
  struct Table {
    absl::flat_hash_map<LockOwner, Holder> holders;
    std::vector<Waiter> waiters;  // in the order in which they came
    size_t count = 0;             // ranges and waits
  };
  struct Session {
    absl::flat_hash_map<Key, uint32_t> tables;  // how many holders and waits it has in each
    size_t count = 0;                           // ranges and waits
  };
  // What an owner of fcntl locks has, for the search for deadlocks.
  struct Owner {
    uint32_t holds = 0;      // tables
    std::vector<Key> waits;  // one for each wait
  };
  using WaitName = std::pair<SessionId, uint64_t>;

  // -- file_locks.cc
  // EAGAIN where a holder is in the way.
  absl::Status TryNow(const Key& key, const LockRequest& request) WEFT_REQUIRES(mutex_);
  void Grant(const Key& key, const LockRequest& request) WEFT_REQUIRES(mutex_);
  void Enqueue(const Key& key, const LockRequest& request, uint64_t wait_id, Clock::TimePoint now)
      WEFT_REQUIRES(mutex_);
  // What the owner or (none) the whole session has of a table. Call Advance afterwards.
  void Remove(const Key& key, SessionId session, std::optional<uint64_t> owner)
      WEFT_REQUIRES(mutex_);
  void RemoveHolder(const Key& key, Table& table, LockOwner owner) WEFT_REQUIRES(mutex_);
  void RemoveWaiter(const Key& key, Table& table, size_t index) WEFT_REQUIRES(mutex_);
  // Takes the wait of this name out of its queue, if it is there.
  bool RemoveWait(const WaitName& name) WEFT_REQUIRES(mutex_);
  // Grants what can be granted now, and forgets a table that is empty.
  void Advance(const Key& key) WEFT_REQUIRES(mutex_);
  [[nodiscard]] static bool IsBlockedByHolder(const Table& table, const LockRequest& request);
  // The waits before this one that it has to let go first: calls visit(Waiter), until that says
  // false.
  template <typename Visit>
  static void ForEachBefore(const Table& table, size_t index, Visit visit) {
    const Waiter& waiter = table.waiters[index];
    if (waiter.may_overtake || table.holders.contains(waiter.request.owner)) return;
    for (size_t i = 0; i < index; ++i) {
      const LockRequest& other = table.waiters[i].request;
      if (other.owner == waiter.request.owner || !other.range.Overlaps(waiter.request.range) ||
          !LockTypesConflict(other.type, waiter.request.type)) {
        continue;
      }
      if (!visit(table.waiters[i])) return;
    }
  }
  // Whether `more` ranges or waits stay within the bounds.
  [[nodiscard]] bool HasRoom(const Key& key, SessionId session, size_t more) const
      WEFT_REQUIRES(mutex_);
  // A table's number of ranges and waits of the session changes from `before` to `after`.
  void Count(Table& table, SessionId session, size_t before, size_t after) WEFT_REQUIRES(mutex_);
  void AddReference(const Key& key, SessionId session) WEFT_REQUIRES(mutex_);
  void DropReference(const Key& key, SessionId session) WEFT_REQUIRES(mutex_);
  void ForgetIfIdle(LockOwner owner) WEFT_REQUIRES(mutex_);

  // -- file_locks_deadlock.cc
  // One owner waits for another: who comes from where on the way of a search.
  struct Step {
    LockOwner from;
    Key key;
    uint64_t wait_id = 0;
    bool by_order = false;  // for an earlier waiter, not for a holder
  };
  enum class Follow { kHolders, kHoldersAndOrder };
  struct Search;
  // The owner has a new wait. EDEADLK, or it lets those overtake whose place in the order would
  // have made them wait for ever.
  [[nodiscard]] absl::Status ResolveCycles(LockOwner owner) WEFT_REQUIRES(mutex_);
  // The steps of a way from the owner back to itself; empty: there is none. Nothing: gave up.
  [[nodiscard]] std::optional<std::vector<Step>> FindCycle(LockOwner owner, Follow follow) const
      WEFT_REQUIRES(mutex_);
  void Visit(Search& search, LockOwner from, const Key& key) const WEFT_REQUIRES(mutex_);
  void LetOvertake(const Step& step) WEFT_REQUIRES(mutex_);

  const Options options_;

  mutable Mutex mutex_;
  bool paused_ WEFT_GUARDED_BY(mutex_);
  WaitName answered_ WEFT_GUARDED_BY(mutex_){};  // the call in progress tells of this one itself
  absl::flat_hash_map<Key, Table> tables_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<SessionId, Session> sessions_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<LockOwner, Owner> owners_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<WaitName, Key> waits_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
