// The quotas of directory trees: their limits, and what is used of them.
//
// A quota is named by its root directory's inode id. Each inode counts in one quota (its quota_id),
// and so in all quotas above that one. Usages are kept in memory, where limits are checked, and in
// the store, where each commit adds its own difference to the counters (Family::kQuotaUse): so they
// are right after a crash, in whatever order commits reach the log. It does not know of directories
// or inodes.
//
// Between QuotaCharge::Begin and its end the memory has what the change adds, but not yet what it
// takes away: usages are never too small. Which quota stands below which, and which there are,
// changes only while no charge is in progress (QuotaTable::Alone), so that a quota's counters have
// exactly what was committed by those that are below it. Durable: what was committed. Thread-safe.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/inlined_vector.h>
#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"
#include "metadata-server/namespace/records.pb.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

inline constexpr size_t kMaxQuotas = 100'000;

struct QuotaUse {
  int64_t bytes = 0;
  int64_t inodes = 0;

  QuotaUse& operator+=(const QuotaUse& other) {
    bytes += other.bytes;
    inodes += other.inodes;
    return *this;
  }
  friend QuotaUse operator-(const QuotaUse& use) { return {-use.bytes, -use.inodes}; }
  friend bool operator==(const QuotaUse&, const QuotaUse&) = default;
};

// Differences of usages, by quota.
using QuotaDeltas = absl::InlinedVector<std::pair<InodeId, QuotaUse>, 4>;
void AddDelta(InodeId quota, const QuotaUse& delta, QuotaDeltas* deltas);

struct Quota {
  InodeId id;
  QuotaRecord record;
  QuotaUse use;
};

// A limit that a change would exceed.
struct QuotaExceeded {
  InodeId quota;
  bool is_inodes = false;  // else bytes
  uint64_t used = 0;
  uint64_t limit = 0;
};

// What a new walk has to do.
struct QuotaWalk {
  InodeId quota;
  uint64_t number = 0;  // another one where the quota was set or removed since
  bool is_removal = false;
  InodeId target;  // the quota_id that the inodes get; none: none
};

class QuotaTable {
 public:
  enum class Limits : uint8_t { kEnforce, kIgnore };

  // Once, before the others. Walks that were not finished begin anew.
  [[nodiscard]] absl::Status Load(const KvStore& store);

  // Cheap: no lock is taken.
  [[nodiscard]] bool empty() const { return quota_count_ == 0; }
  [[nodiscard]] bool has_walks() const { return walk_count_ > 0; }

  [[nodiscard]] size_t size() const { return quota_count_; }
  [[nodiscard]] std::optional<Quota> Get(InodeId id) const WEFT_EXCLUDES(mutex_);
  // There is such a quota, and it is not being removed.
  [[nodiscard]] bool IsLive(InodeId id) const WEFT_EXCLUDES(mutex_);
  // The quotas that an inode with this quota_id counts in, nearest first.
  [[nodiscard]] std::vector<Quota> ChainOf(InodeId quota) const WEFT_EXCLUDES(mutex_);
  // At most `max_count` with greater ids, in their order.
  [[nodiscard]] std::vector<Quota> After(InodeId id, size_t max_count) const WEFT_EXCLUDES(mutex_);
  // Those whose next quota above is `parent`.
  [[nodiscard]] std::vector<InodeId> ChildrenOf(InodeId parent) const WEFT_EXCLUDES(mutex_);

  // The directory has lost its last name: its quota goes, too. Nothing to do where it has none.
  void RootIsGone(InodeId id) WEFT_EXCLUDES(mutex_);

  // A quota that has to be walked. Nothing: all are done.
  [[nodiscard]] std::optional<QuotaWalk> NextWalk() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] bool IsCurrent(const QuotaWalk& walk) const WEFT_EXCLUDES(mutex_);

  // While it lives no charge is in progress, and there is no other. The constructor waits for those
  // that are, which are in the middle of a commit.
  class Alone {
   public:
    explicit Alone(QuotaTable* table);
    ~Alone();
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

    // After its row was committed. A change of state begins a new walk.
    void Put(InodeId id, const QuotaRecord& record);

    // The rest commits a batch, and changes nothing where that fails.
    // The quota stands below `parent` from now on, whose usage gets its own.
    [[nodiscard]] absl::Status MoveBelow(KvStore* store, InodeId id, InodeId parent);
    // The walk of a new quota is done. No effect where it is not current.
    [[nodiscard]] absl::Status FinishCounting(KvStore* store, const QuotaWalk& walk);
    // Deletes a quota that no inode and no quota counts in.
    [[nodiscard]] absl::Status Drop(KvStore* store, InodeId id);

   private:
    QuotaTable* const table_;
  };

 private:
  friend class QuotaCharge;

  struct Entry {
    QuotaRecord record;
    QuotaUse use;
    uint64_t walk_number = 0;
  };
  using Entries = absl::btree_map<InodeId, Entry>;

  [[nodiscard]] QuotaDeltas Expand(const QuotaDeltas& deltas) const WEFT_REQUIRES(mutex_);
  [[nodiscard]] std::optional<QuotaExceeded> FindExceeded(const QuotaDeltas& deltas) const
      WEFT_REQUIRES(mutex_);
  // Adds the parts with this sign to the usages.
  enum class Part { kAdditions, kReductions, kUndoAdditions };
  void Apply(const QuotaDeltas& deltas, Part part) WEFT_REQUIRES(mutex_);
  void EndCharge() WEFT_REQUIRES(mutex_);
  void SetState(Entry* entry, QuotaRecord::State state) WEFT_REQUIRES(mutex_);
  void CountStates() WEFT_REQUIRES(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;  // a charge or an Alone has ended
  Entries entries_ WEFT_GUARDED_BY(mutex_);
  uint64_t last_walk_number_ WEFT_GUARDED_BY(mutex_) = 0;
  int charge_count_ WEFT_GUARDED_BY(mutex_) = 0;
  bool is_alone_ WEFT_GUARDED_BY(mutex_) = false;  // or waits to be
  std::atomic<size_t> quota_count_{0};             // as in entries_
  std::atomic<size_t> walk_count_{0};              // of these, the states that want a walk
};

// A change of usages that is being committed. Not thread-safe.
class QuotaCharge {
 public:
  explicit QuotaCharge(QuotaTable* table) : table_(table) {}
  // What was not committed is not used.
  ~QuotaCharge();
  QuotaCharge(const QuotaCharge&) = delete;
  QuotaCharge& operator=(const QuotaCharge&) = delete;

  // Takes what the change needs of each quota, or says which one has not enough left and takes
  // nothing. Once.
  [[nodiscard]] std::optional<QuotaExceeded> Begin(const QuotaDeltas& deltas,
                                                   QuotaTable::Limits limits);
  void AddTo(Batch* batch) const;
  // The batch was committed.
  void Commit();

 private:
  QuotaTable* const table_;
  QuotaDeltas deltas_;  // of all quotas; empty: nothing is in progress
};

}  // namespace weft::metadata
