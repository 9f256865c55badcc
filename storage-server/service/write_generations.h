// Which changes of chunks come too late: the highest generation of each session and target, see
// proto/storage.proto.
//
// In memory only: the requests of a daemon die with it. Bounded: of too many entries the one that
// was not used for longest is forgotten, but none of which a request is still in the daemon. A
// request that is still on its way then, after so many others came, would be taken for a new one.
// Sessions that were fenced are not forgotten sooner, since nothing else knows them in the end: the
// cluster map lists only so many. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "common/ids.h"
#include "common/mutex.h"

namespace weft::storage {

class WriteGenerations {
 public:
  static constexpr size_t kMaxEntries = 64 * 1024;

  explicit WriteGenerations(size_t max_entries = kMaxEntries) : max_entries_(max_entries) {}

  // A change that has arrived. Keeps its entry from being forgotten while it lives.
  class Arrival {
   public:
    // ECANCELED: one of a higher generation has arrived since. Ask with the chunk's lock held.
    [[nodiscard]] absl::Status Check() const;

   private:
    friend class WriteGenerations;
    Arrival(std::shared_ptr<const std::atomic<uint64_t>> highest, uint64_t generation)
        : highest_(std::move(highest)), generation_(generation) {}

    std::shared_ptr<const std::atomic<uint64_t>> highest_;
    uint64_t generation_;
  };

  // Takes note of the request's generation. Call it before anything that may wait.
  [[nodiscard]] Arrival Arrive(SessionId session, TargetId target, uint64_t generation)
      WEFT_EXCLUDES(mutex_);

 private:
  using Key = std::pair<SessionId, TargetId>;
  struct Entry {
    std::shared_ptr<std::atomic<uint64_t>> highest;
    std::list<Key>::iterator place;
  };

  void Bound() WEFT_REQUIRES(mutex_);

  const size_t max_entries_;
  Mutex mutex_;
  absl::flat_hash_map<Key, Entry> entries_ WEFT_GUARDED_BY(mutex_);
  std::list<Key> by_use_ WEFT_GUARDED_BY(mutex_);  // last used first
};

}  // namespace weft::storage
