#include "metadata-server/cluster/group_sets.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <string>

#include "common/limits.h"
#include "metadata-server/cluster/cluster_state.h"

namespace weft::metadata {
namespace {

bool IsEmpty(const proto::Pool& pool, const GroupSet& set) {
  const auto first = pool.groups().begin() + set.base;
  return std::all_of(first, first + set.count,
                     [](const proto::Group& group) { return group.members().empty(); });
}

bool HasChain(const proto::Group& group, const Chain& chain) {
  return std::equal(group.members().begin(), group.members().end(), chain.begin(), chain.end(),
                    [](const proto::ChainMember& member, TargetId id) {
                      return member.target_id() == id.value();
                    });
}

}  // namespace

absl::StatusOr<std::shared_ptr<const proto::Pool>> WithNewChains(
    const proto::Pool& pool, uint32_t used_groups, const std::vector<PlacementTarget>& targets,
    uint64_t epoch) {
  auto grown = std::make_shared<proto::Pool>(pool);
  GroupSet set = NewestSet(pool);
  if (set.base < used_groups && !IsEmpty(pool, set)) {
    set.base += set.count;
    if (set.base + set.count > kMaxGroups) {
      return absl::ResourceExhaustedError("pool \"" + pool.name() + "\" has all of its " +
                                          std::to_string(kMaxGroups / set.count) +
                                          " group sets and cannot grow any more");
    }
    for (uint32_t i = 0; i < set.count; ++i) grown->add_groups();
  }
  // Nothing is in these groups, so nothing moves: the best spread counts, not the previous chains.
  const std::vector<Chain> chains = Place(targets, set.count, pool.replicas(), {});
  for (uint32_t i = 0; i < set.count; ++i) {
    proto::Group* group = grown->mutable_groups(static_cast<int>(set.base + i));
    if (group->epoch() != 0 && HasChain(*group, chains[i])) continue;
    group->set_epoch(epoch);
    group->clear_members();
    for (const TargetId id : chains[i]) {
      proto::ChainMember* member = group->add_members();
      member->set_target_id(id.value());
      member->set_state(proto::SERVING);
    }
  }
  return grown;
}

bool NewestSetUses(const proto::Pool& pool, const std::vector<TargetId>& targets) {
  const GroupSet set = NewestSet(pool);
  absl::flat_hash_set<TargetId> used;
  for (uint32_t i = 0; i < set.count; ++i) {
    for (const proto::ChainMember& member : pool.groups(static_cast<int>(set.base + i)).members()) {
      used.insert(TargetId(member.target_id()));
    }
  }
  return std::all_of(targets.begin(), targets.end(),
                     [&](TargetId target) { return used.contains(target); });
}

}  // namespace weft::metadata
