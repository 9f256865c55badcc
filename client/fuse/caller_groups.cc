#include "client/fuse/caller_groups.h"

#include <utility>

#include "common/limits.h"

namespace weft::fuse {

CallerGroups::Groups CallerGroups::Get(const Key& key, const Read& read) {
  {
    MutexLock lock(&mutex_);
    const Slot& slot = SlotOf(key);
    if (slot.groups != nullptr && slot.key == key && clock_->Now() < slot.until) {
      return slot.groups;
    }
  }
  return Reread(key, read);
}

CallerGroups::Groups CallerGroups::Reread(const Key& key, const Read& read) {
  std::vector<uint32_t> list = read();
  if (list.size() > kMaxCallerGroups) list.resize(kMaxCallerGroups);
  auto groups = std::make_shared<const std::vector<uint32_t>>(std::move(list));
  MutexLock lock(&mutex_);
  SlotOf(key) = {key, groups, clock_->Now() + kKept};
  return groups;
}

}  // namespace weft::fuse
