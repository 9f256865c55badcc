// FileLocks: who waits for whom, over all inodes and sessions.
#include <cerrno>
#include <string>

#include "common/status.h"
#include "metadata-server/sessions/file_locks.h"

namespace weft::metadata {
namespace {

// Steps of one search; it is given up beyond. Bounds the time for which the table is locked.
constexpr size_t kMaxSteps = 50'000;

}  // namespace

// Breadth first, so that it needs no deep stack.
struct FileLocks::Search {
  LockOwner goal;
  Follow follow = Follow::kHolders;
  absl::flat_hash_map<LockOwner, Step> reached;  // how each was come to
  std::vector<LockOwner> to_visit;
  size_t steps = 0;
  std::optional<Step> last;  // the step to the goal

  // False: the search is over.
  bool Take(LockOwner to, const Step& step) {
    if (++steps > kMaxSteps) return false;
    if (to == goal) {
      last = step;
      return false;
    }
    if (reached.emplace(to, step).second) to_visit.push_back(to);
    return true;
  }
  [[nodiscard]] bool is_over() const { return last.has_value() || steps > kMaxSteps; }
};

void FileLocks::Visit(Search& search, LockOwner from, const Key& key) const {
  const Table& table = tables_.at(key);
  for (size_t i = 0; i < table.waiters.size() && !search.is_over(); ++i) {
    const Waiter& waiter = table.waiters[i];
    if (waiter.request.owner != from) continue;
    Step step{from, key, waiter.wait_id, false};
    for (const auto& [owner, holder] : table.holders) {
      if (owner == from) continue;
      if (!holder.ranges.FindConflict(waiter.request.range, waiter.request.type)) continue;
      if (!search.Take(owner, step)) return;
    }
    if (search.follow == Follow::kHolders) continue;
    step.by_order = true;
    ForEachBefore(table, i,
                  [&](const Waiter& before) { return search.Take(before.request.owner, step); });
  }
}

std::optional<std::vector<FileLocks::Step>> FileLocks::FindCycle(LockOwner owner,
                                                                 Follow follow) const {
  std::vector<Step> way;
  const Owner& start = owners_.at(owner);
  // Who holds nothing and has only just begun to wait is waited for by nobody.
  if (start.holds == 0 && start.waits.size() == 1) return way;
  Search search{.goal = owner, .follow = follow};
  search.to_visit.push_back(owner);
  for (size_t next = 0; next < search.to_visit.size() && !search.is_over(); ++next) {
    const LockOwner from = search.to_visit[next];
    const auto found = owners_.find(from);
    if (found == owners_.end()) continue;
    for (const Key& key : found->second.waits) {
      Visit(search, from, key);
      if (search.is_over()) break;
    }
  }
  if (!search.last) {
    if (search.is_over()) return std::nullopt;
    return way;
  }
  way.push_back(*search.last);
  while (way.back().from != owner) way.push_back(search.reached.at(way.back().from));
  return way;
}

absl::Status FileLocks::ResolveCycles(LockOwner owner) {
  const auto deadlock = FindCycle(owner, Follow::kHolders);
  if (deadlock && !deadlock->empty()) {
    return PosixError(EDEADLK, "the lock's holder waits, maybe through others, for this owner");
  }
  std::vector<Key> changed;
  for (;;) {
    const auto cycle = FindCycle(owner, Follow::kHoldersAndOrder);
    if (!cycle) {
      // Too large to be sure: rather out of turn than never.
      for (const Key& key : owners_.at(owner).waits) {
        for (Waiter& waiter : tables_.at(key).waiters) {
          if (waiter.request.owner == owner) waiter.may_overtake = true;
        }
      }
      break;
    }
    bool any = false;
    for (const Step& step : *cycle) {
      if (!step.by_order) continue;
      LetOvertake(step);
      changed.push_back(step.key);
      any = true;
    }
    if (!any) break;
  }
  for (const Key& key : changed) Advance(key);
  return absl::OkStatus();
}

void FileLocks::LetOvertake(const Step& step) {
  for (Waiter& waiter : tables_.at(step.key).waiters) {
    if (waiter.request.owner == step.from && waiter.wait_id == step.wait_id) {
      waiter.may_overtake = true;
    }
  }
}

}  // namespace weft::metadata
