// The supplementary groups of callers, which the kernel does not tell with a request: they are read
// from /proc, which costs about as much as a short call to a server.
//
// So they are kept for some seconds, for a (thread, user, group). A process that is not root cannot
// change its groups without changing one of these, but one that was root may have, and numbers of
// threads are used again. That does no harm: the kernel has checked the real groups before it asks,
// and what the server refuses is asked once more with groups read anew (AsCaller in adapter.h).
// Root's are never read. Bounded memory; thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"

namespace weft::fuse {

class CallerGroups {
 public:
  using Groups = std::shared_ptr<const std::vector<uint32_t>>;
  // Reads the groups. Empty where they cannot be read.
  using Read = std::function<std::vector<uint32_t>()>;
  struct Key {
    pid_t thread = 0;
    uint32_t uid = 0;
    uint32_t gid = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };

  // `clock` must outlive this.
  explicit CallerGroups(const Clock* clock) : clock_(clock), slots_(kSlots) {}

  // Those that are kept, or else as Reread does.
  [[nodiscard]] Groups Get(const Key& key, const Read& read) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] Groups Reread(const Key& key, const Read& read) WEFT_EXCLUDES(mutex_);

  static constexpr std::chrono::seconds kKept{5};

 private:
  struct Slot {
    Key key;
    Groups groups;  // null: nothing is kept
    Clock::TimePoint until;
  };
  static constexpr size_t kSlots = 1024;  // a newer caller takes the place of an older one

  Slot& SlotOf(const Key& key) WEFT_REQUIRES(mutex_) {
    return slots_[static_cast<size_t>(key.thread) % kSlots];
  }

  const Clock* const clock_;
  Mutex mutex_;
  std::vector<Slot> slots_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::fuse
