#include "storage-server/service/write_generations.h"

#include <cerrno>
#include <string>

#include "common/status.h"

namespace weft::storage {

absl::Status WriteGenerations::Arrival::Check() const {
  const uint64_t highest = highest_->load();
  if (generation_ >= highest) return absl::OkStatus();
  return PosixError(ECANCELED, "generation " + std::to_string(generation_) +
                                   " came too late: the session is at " + std::to_string(highest));
}

WriteGenerations::Arrival WriteGenerations::Arrive(SessionId session, TargetId target,
                                                   uint64_t generation) {
  const MutexLock lock(&mutex_);
  const Key key(session, target);
  const auto [at, is_new] = entries_.try_emplace(key);
  Entry& entry = at->second;
  if (is_new) {
    by_use_.push_front(key);
    entry = {std::make_shared<std::atomic<uint64_t>>(generation), by_use_.begin()};
  } else {
    by_use_.splice(by_use_.begin(), by_use_, entry.place);
    if (entry.highest->load() < generation) entry.highest->store(generation);
  }
  Arrival arrival(entry.highest, generation);
  if (is_new) Bound();
  return arrival;
}

void WriteGenerations::Bound() {
  for (size_t tried = 0; entries_.size() > max_entries_ && tried < max_entries_; ++tried) {
    const auto oldest = entries_.find(by_use_.back());
    if (oldest->second.highest.use_count() > 1) {  // a request of it is still here
      by_use_.splice(by_use_.begin(), by_use_, oldest->second.place);
      continue;
    }
    entries_.erase(oldest);
    by_use_.pop_back();
  }
}

}  // namespace weft::storage
