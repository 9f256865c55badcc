#include "metadata-server/cluster/placement.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace weft::metadata {
namespace {

using Wide = unsigned __int128;  // bytes times slots do not fit 64 bits

constexpr size_t kNoNode = std::numeric_limits<size_t>::max();

// The targets by node, both in the order of their ids; indices instead of ids from here on.
struct Topology {
  std::vector<PlacementTarget> targets;
  std::vector<size_t> node_of;               // by target
  std::vector<std::vector<size_t>> on_node;  // by node: its targets
  std::map<TargetId, size_t> index;
};

Topology MakeTopology(std::vector<PlacementTarget> targets) {
  std::erase_if(targets, [](const PlacementTarget& target) { return target.weight == 0; });
  std::sort(targets.begin(), targets.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  std::map<NodeId, size_t> nodes;
  for (const PlacementTarget& target : targets) nodes.emplace(target.node, 0);
  size_t next = 0;
  for (auto& [id, node] : nodes) node = next++;

  Topology topology{.targets = std::move(targets)};
  topology.on_node.resize(nodes.size());
  for (size_t t = 0; t < topology.targets.size(); ++t) {
    const size_t node = nodes.at(topology.targets[t].node);
    topology.node_of.push_back(node);
    topology.on_node[node].push_back(t);
    topology.index.emplace(topology.targets[t].id, t);
  }
  return topology;
}

// Slots by node: in proportion to weight, at most one per group. Nodes that weigh more than one
// whole column of slots are given that, and the others share the rest.
std::vector<uint64_t> NodeShares(const std::vector<uint64_t>& weights, uint64_t groups,
                                 uint64_t slots) {
  std::vector<uint64_t> open = weights;  // 0: has its share already
  std::vector<uint64_t> shares(weights.size(), 0);
  bool is_capped = true;
  while (is_capped) {
    is_capped = false;
    const Wide sum = std::accumulate(open.begin(), open.end(), Wide{0});
    const uint64_t slots_now = slots;
    for (size_t n = 0; n < open.size(); ++n) {
      if (open[n] == 0 || Wide{open[n]} * slots_now <= Wide{groups} * sum) continue;
      shares[n] = groups;
      slots -= groups;
      open[n] = 0;
      is_capped = true;
    }
  }
  const std::vector<uint64_t> rest = Apportion(open, slots);
  for (size_t n = 0; n < shares.size(); ++n) shares[n] += rest[n];
  return shares;
}

// Slots by target.
std::vector<uint64_t> TargetShares(const Topology& topology, uint64_t groups, uint64_t slots) {
  std::vector<uint64_t> node_weights;
  for (const std::vector<size_t>& on_node : topology.on_node) {
    Wide sum = 0;
    for (const size_t t : on_node) sum += topology.targets[t].weight;
    node_weights.push_back(
        static_cast<uint64_t>(std::min(sum, Wide{std::numeric_limits<uint64_t>::max()})));
  }
  const std::vector<uint64_t> node_shares = NodeShares(node_weights, groups, slots);
  std::vector<uint64_t> shares(topology.targets.size());
  for (size_t n = 0; n < node_shares.size(); ++n) {
    std::vector<uint64_t> weights;
    for (const size_t t : topology.on_node[n]) weights.push_back(topology.targets[t].weight);
    const std::vector<uint64_t> parts = Apportion(weights, node_shares[n]);
    for (size_t i = 0; i < parts.size(); ++i) shares[topology.on_node[n][i]] = parts[i];
  }
  return shares;
}

using Slots = std::vector<std::vector<size_t>>;  // by group: targets

// The previous members that may still be members: known, and on nodes of their own.
Slots ValidMembers(const Topology& topology, uint32_t groups, uint32_t replicas,
                   const std::vector<Chain>& previous) {
  Slots slots(groups);
  for (size_t g = 0; g < std::min<size_t>(groups, previous.size()); ++g) {
    for (const TargetId id : previous[g]) {
      const auto found = topology.index.find(id);
      if (found == topology.index.end() || slots[g].size() == replicas) continue;
      const bool is_doubled = std::any_of(slots[g].begin(), slots[g].end(), [&](size_t member) {
        return topology.node_of[member] == topology.node_of[found->second];
      });
      if (!is_doubled) slots[g].push_back(found->second);
    }
  }
  return slots;
}

// Takes from every target what it has above its share, spread evenly over its groups and over all
// groups, so that what fills the gaps does not come in runs.
void ReleaseExcess(const std::vector<uint64_t>& shares, Slots* slots) {
  constexpr double kDue = 1.25;
  std::vector<uint64_t> left(shares.size(), 0);  // members of the target that are still to come
  for (const auto& members : *slots) {
    for (const size_t t : members) ++left[t];
  }
  std::vector<uint64_t> excess(shares.size(), 0);
  std::vector<double> own_rate(shares.size(), 0);
  double total = 0;
  double total_excess = 0;
  for (size_t t = 0; t < shares.size(); ++t) {
    excess[t] = left[t] - std::min(left[t], shares[t]);
    if (left[t] > 0) own_rate[t] = static_cast<double>(excess[t]) / static_cast<double>(left[t]);
    total += static_cast<double>(left[t]);
    total_excess += static_cast<double>(excess[t]);
  }
  if (total_excess == 0) return;

  std::vector<double> own(shares.size(), 0);
  double all = 0;
  for (auto& members : *slots) {
    std::erase_if(members, [&](size_t t) {
      own[t] += own_rate[t];
      all += total_excess / total;
      const bool must = left[t]-- == excess[t];
      if (excess[t] == 0 || (!must && own[t] + all < kDue)) return false;
      --excess[t];
      own[t] -= 1;
      all = std::max(all - 1, -1.0);
      return true;
    });
  }
}

// Fills the gaps of the chains, group after group, always from the node that is most behind its
// share and does not lead a neighbouring group.
class Filler {
 public:
  Filler(const Topology& topology, const std::vector<uint64_t>& shares, Slots* slots)
      : topology_(topology), slots_(*slots), missing_(shares), node_missing_(CountNodes(), 0) {
    for (const auto& members : slots_) {
      for (const size_t t : members) missing_[t] -= std::min<uint64_t>(missing_[t], 1);
    }
    for (size_t t = 0; t < missing_.size(); ++t) {
      node_missing_[topology_.node_of[t]] += missing_[t];
      all_missing_ += missing_[t];
    }
    wanted_ = missing_;
    for (const uint64_t missing : node_missing_) {
      rate_.push_back(
          all_missing_ == 0 ? 0 : static_cast<double>(missing) / static_cast<double>(all_missing_));
    }
    credit_.resize(CountNodes(), 0);
  }

  void Fill(size_t replicas) {
    for (size_t g = 0; g < slots_.size(); ++g) {
      while (slots_[g].size() < replicas) {
        const size_t node = ChooseNode(g);
        slots_[g].push_back(TakeTarget(node));
      }
    }
  }

 private:
  [[nodiscard]] size_t CountNodes() const { return topology_.on_node.size(); }

  // Node that leads group g, as far as that is known already.
  [[nodiscard]] size_t Leader(size_t g) const {
    return g >= slots_.size() || slots_[g].empty() ? kNoNode : topology_.node_of[slots_[g][0]];
  }

  [[nodiscard]] bool IsMember(size_t node, size_t g) const {
    return std::any_of(slots_[g].begin(), slots_[g].end(),
                       [&](size_t t) { return topology_.node_of[t] == node; });
  }

  // The best of the nodes that `may_take` allows, kNoNode if that is none.
  template <typename MayTake>
  [[nodiscard]] size_t Best(MayTake may_take) const {
    size_t best = kNoNode;
    for (size_t n = 0; n < CountNodes(); ++n) {
      if (may_take(n) && (best == kNoNode || credit_[n] > credit_[best])) best = n;
    }
    return best;
  }

  [[nodiscard]] size_t ChooseNode(size_t g) {
    for (size_t n = 0; n < CountNodes(); ++n) credit_[n] += rate_[n];
    const bool is_leader = slots_[g].empty();
    const size_t before = is_leader && g > 0 ? Leader(g - 1) : kNoNode;
    const size_t after = is_leader ? Leader(g + 1) : kNoNode;
    const auto is_free = [&](size_t n) { return node_missing_[n] > 0 && !IsMember(n, g); };
    // A node with more than half of what is left has to follow itself; better now than in a run.
    size_t node = Best([&](size_t n) {
      return is_free(n) && ((n != before && n != after) || 2 * node_missing_[n] > all_missing_ + 1);
    });
    if (node == kNoNode) node = Best(is_free);
    // All nodes with slots left are in this chain already: one goes above its share.
    if (node == kNoNode) node = Best([&](size_t n) { return !IsMember(n, g); });
    credit_[node] -= 1;
    return node;
  }

  // The target of the node that has most of what it wanted still to get.
  [[nodiscard]] size_t TakeTarget(size_t node) {
    size_t best = topology_.on_node[node].front();
    for (const size_t t : topology_.on_node[node]) {
      const bool is_better = missing_[best] == 0
                                 ? missing_[t] > 0
                                 : missing_[t] * wanted_[best] > missing_[best] * wanted_[t];
      if (is_better) best = t;
    }
    if (missing_[best] > 0) {
      --missing_[best];
      --node_missing_[node];
      --all_missing_;
    }
    return best;
  }

  const Topology& topology_;
  Slots& slots_;
  std::vector<uint64_t> missing_;  // by target: slots it is still to get
  std::vector<uint64_t> wanted_;   // by target: missing_ at the start
  std::vector<uint64_t> node_missing_;
  uint64_t all_missing_ = 0;
  std::vector<double> rate_;    // by node: its part of all gaps
  std::vector<double> credit_;  // by node: how far it is behind (positive) or ahead
};

}  // namespace

std::vector<uint64_t> Apportion(const std::vector<uint64_t>& weights, uint64_t total) {
  std::vector<uint64_t> shares(weights.size(), 0);
  const Wide sum = std::accumulate(weights.begin(), weights.end(), Wide{0});
  if (sum == 0) return shares;
  std::vector<std::pair<Wide, size_t>> remainders;
  uint64_t given = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const Wide exact = Wide{weights[i]} * total;
    shares[i] = static_cast<uint64_t>(exact / sum);
    given += shares[i];
    remainders.emplace_back(exact % sum, i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t i = 0; i < total - given; ++i) ++shares[remainders[i].second];

  const auto weighty = static_cast<uint64_t>(
      std::count_if(weights.begin(), weights.end(), [](uint64_t weight) { return weight > 0; }));
  if (total < weighty) return shares;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (weights[i] == 0 || shares[i] > 0) continue;
    --*std::max_element(shares.begin(), shares.end());
    ++shares[i];
  }
  return shares;
}

std::vector<Chain> Place(std::vector<PlacementTarget> targets, uint32_t groups, uint32_t replicas,
                         const std::vector<Chain>& previous) {
  const Topology topology = MakeTopology(std::move(targets));
  const auto length = static_cast<uint32_t>(std::min<size_t>(replicas, topology.on_node.size()));
  const std::vector<uint64_t> shares = TargetShares(topology, groups, uint64_t{groups} * length);
  Slots slots = ValidMembers(topology, groups, length, previous);
  ReleaseExcess(shares, &slots);
  Filler(topology, shares, &slots).Fill(length);

  std::vector<Chain> chains(groups);
  for (size_t g = 0; g < groups; ++g) {
    for (const size_t t : slots[g]) chains[g].push_back(topology.targets[t].id);
  }
  return chains;
}

}  // namespace weft::metadata
