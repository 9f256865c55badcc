#include "metadata-server/cluster/membership.h"

#include <gtest/gtest.h>

#include <set>

#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "common/uuid.h"

namespace weft::metadata {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kDisk = uint64_t{1} << 40;

// A cluster on a store and a clock of its own. The storage-servers are only calls.
class MembershipTest : public testing::Test {
 protected:
  MembershipTest() { Restart(); }

  void Restart() {
    membership_.reset();
    auto opened = Membership::Open(options_, store_.get(), &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    membership_ = std::move(*opened);
  }

  static proto::RegisterRequest Node(const std::string& name, int targets = 1) {
    proto::RegisterRequest request;
    request.set_node_uuid(NewUuid());
    request.set_name(name);
    request.set_address("127.0.0.1:7410");
    for (int i = 0; i < targets; ++i) AddTarget(&request);
    return request;
  }
  static void AddTarget(proto::RegisterRequest* request) {
    proto::Target* target = request->add_targets();
    target->set_uuid(NewUuid());
    target->set_path("/disk" + std::to_string(request->targets_size()));
    target->set_capacity_bytes(kDisk);
    target->set_free_bytes(kDisk);
  }

  proto::RegisterReply MustRegister(const proto::RegisterRequest& request) {
    auto reply = membership_->Register(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : proto::RegisterReply();
  }
  proto::RegisterReply RegisterAndAdd(const proto::RegisterRequest& request) {
    proto::RegisterReply reply = MustRegister(request);
    const auto added = membership_->AddNode(request.name());
    EXPECT_TRUE(added.ok()) << added.status();
    return reply;
  }
  proto::HeartbeatReply Beat(const proto::RegisterRequest& node) {
    proto::HeartbeatRequest request;
    request.set_node_uuid(node.node_uuid());
    auto reply = membership_->Heartbeat(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : proto::HeartbeatReply();
  }
  // Lets `time` pass as the maintenance thread sees it, with heartbeats of `alive`.
  void Pass(milliseconds time, const std::vector<proto::RegisterRequest>& alive) {
    for (milliseconds passed{0}; passed < time; passed += options_.heartbeat) {
      clock_.Advance(options_.heartbeat);
      for (const auto& node : alive) Beat(node);
      ASSERT_TRUE(membership_->Tick().ok());
    }
  }

  uint64_t Epoch() { return membership_->publisher().Current()->epoch().value(); }
  proto::NodeState StateOf(uint32_t node) {
    for (const auto& n : membership_->publisher().Current()->message().nodes()) {
      if (n.node_id() == node) return n.state();
    }
    return proto::NODE_STATE_UNSPECIFIED;
  }
  // Targets of the groups of `set`.
  std::set<uint32_t> TargetsIn(const GroupSet& set) {
    std::set<uint32_t> targets;
    const proto::Pool* pool = membership_->publisher().Current()->FindPool(PoolId(0));
    for (uint32_t i = 0; i < set.count; ++i) {
      for (const auto& member : pool->groups(static_cast<int>(set.base + i)).members()) {
        targets.insert(member.target_id());
      }
    }
    return targets;
  }
  GroupSet Newest() { return membership_->NewestGroupSet(PoolId(0)); }

  MembershipOptions options_;
  ManualClock clock_;
  std::unique_ptr<KvStore> store_ = NewMemoryKvStore();
  std::unique_ptr<Membership> membership_;
};

TEST_F(MembershipTest, ANewClusterHasAnEmptyPool) {
  EXPECT_TRUE(IsUuid(membership_->cluster_id()));
  const auto map = membership_->publisher().Current();
  EXPECT_EQ(map->epoch(), MapEpoch(1));
  ASSERT_NE(map->FindPool(PoolId(0)), nullptr);
  EXPECT_EQ(map->FindPool(PoolId(0))->groups_size(), static_cast<int>(kDefaultGroups));
}

TEST_F(MembershipTest, ARegisteredNodeWaitsUntilItIsAdded) {
  const auto node = Node("n1", 2);
  const auto reply = MustRegister(node);
  EXPECT_EQ(reply.cluster_id(), membership_->cluster_id());
  EXPECT_EQ(reply.state(), proto::NODE_PENDING);
  ASSERT_EQ(reply.targets_size(), 2);
  EXPECT_NE(reply.targets(0).target_id(), reply.targets(1).target_id());
  EXPECT_GT(reply.lease_ms(), reply.heartbeat_ms());
  EXPECT_LT(reply.lease_ms(), Membership::kOfflineHeartbeats * reply.heartbeat_ms());
  EXPECT_EQ(Beat(node).state(), proto::NODE_PENDING);

  const auto added = membership_->AddNode("n1");
  ASSERT_TRUE(added.ok());
  EXPECT_EQ(added->state(), proto::NODE_ONLINE);
  EXPECT_EQ(TargetsIn(Newest()), (std::set<uint32_t>{1, 2}));
  EXPECT_EQ(Beat(node).map_epoch(), Epoch());
}

TEST_F(MembershipTest, RepeatingChangesNothing) {
  const auto node = Node("n1");
  const auto first = RegisterAndAdd(node);
  const uint64_t epoch = Epoch();
  const auto again = RegisterAndAdd(node);
  EXPECT_EQ(again.node_id(), first.node_id());
  EXPECT_EQ(again.targets(0).target_id(), first.targets(0).target_id());
  EXPECT_EQ(again.state(), proto::NODE_ONLINE);
  EXPECT_EQ(Epoch(), epoch);
}

TEST_F(MembershipTest, ANewAddressIsPublished) {
  auto node = Node("n1");
  RegisterAndAdd(node);
  const uint64_t epoch = Epoch();
  node.set_address("10.0.0.7:7410");
  MustRegister(node);
  EXPECT_GT(Epoch(), epoch);
  EXPECT_EQ(membership_->publisher().Current()->FindTarget(TargetId(1))->address, "10.0.0.7:7410");
}

TEST_F(MembershipTest, RefusesWhatCannotBe) {
  const auto node = Node("n1");
  RegisterAndAdd(node);
  auto other_cluster = Node("n2");
  other_cluster.set_cluster_id(NewUuid());
  EXPECT_EQ(membership_->Register(other_cluster).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(membership_->Register(Node("n1")).status().code(), absl::StatusCode::kAlreadyExists);
  auto copied_disk = Node("n3");
  copied_disk.mutable_targets(0)->set_uuid(node.targets(0).uuid());
  EXPECT_EQ(membership_->Register(copied_disk).status().code(), absl::StatusCode::kAlreadyExists);
  auto no_uuid = Node("n4");
  no_uuid.set_node_uuid("x");
  EXPECT_EQ(membership_->Register(no_uuid).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(membership_->AddNode("n9").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(membership_->publisher().Current()->message().nodes_size(), 1);
}

TEST_F(MembershipTest, ADiskMayMoveToAnotherNodeOnceItsOwnIsAway) {
  const auto old_node = Node("n1");
  RegisterAndAdd(old_node);
  Pass(milliseconds(20'000), {});
  EXPECT_EQ(StateOf(1), proto::NODE_OFFLINE);
  auto new_node = Node("n2");
  new_node.mutable_targets(0)->set_uuid(old_node.targets(0).uuid());
  EXPECT_EQ(RegisterAndAdd(new_node).targets(0).target_id(), 1u);
  EXPECT_EQ(membership_->publisher().Current()->FindTarget(TargetId(1))->node, NodeId(2));
}

TEST_F(MembershipTest, AnUnknownNodeIsToldToRegister) { EXPECT_FALSE(Beat(Node("n1")).known()); }

TEST_F(MembershipTest, SilentNodesGoOfflineAndComeBack) {
  const auto n1 = Node("n1");
  const auto n2 = Node("n2");
  RegisterAndAdd(n1);
  RegisterAndAdd(n2);
  const uint64_t epoch = Epoch();
  Pass(milliseconds(9'000), {n1});
  EXPECT_EQ(StateOf(2), proto::NODE_ONLINE);
  Pass(milliseconds(2'000), {n1});
  EXPECT_EQ(StateOf(1), proto::NODE_ONLINE);
  EXPECT_EQ(StateOf(2), proto::NODE_OFFLINE);
  EXPECT_EQ(Epoch(), epoch + 1);
  EXPECT_EQ(Beat(n2).state(), proto::NODE_ONLINE);
  EXPECT_EQ(Epoch(), epoch + 2);
}

TEST_F(MembershipTest, AStallOfThisProcessIsNobodyElsesFault) {
  const auto node = Node("n1");
  RegisterAndAdd(node);
  ASSERT_TRUE(membership_->Tick().ok());
  clock_.Advance(std::chrono::minutes(5));
  ASSERT_TRUE(membership_->Tick().ok());
  EXPECT_EQ(StateOf(1), proto::NODE_ONLINE);
  Pass(milliseconds(11'000), {});
  EXPECT_EQ(StateOf(1), proto::NODE_OFFLINE);
}

TEST_F(MembershipTest, EverythingSurvivesARestart) {
  const auto n1 = Node("n1");
  RegisterAndAdd(n1);
  MustRegister(Node("n2"));
  ASSERT_TRUE(membership_->FenceSessions({SessionId(5)}).ok());
  const std::string before = membership_->publisher().Current()->message().SerializeAsString();
  Restart();
  EXPECT_EQ(membership_->publisher().Current()->message().SerializeAsString(), before);
  EXPECT_EQ(MustRegister(Node("n3")).node_id(), 3u);
}

TEST_F(MembershipTest, NodesAddedBeforeTheFirstFileShareOneSet) {
  for (int i = 1; i <= 4; ++i) RegisterAndAdd(Node("n" + std::to_string(i)));
  const GroupSet set = Newest();
  EXPECT_EQ(set.base, 0u);
  EXPECT_EQ(set.count, kDefaultGroups);
  EXPECT_EQ(set.epoch, MapEpoch(Epoch()));
  EXPECT_EQ(TargetsIn(set), (std::set<uint32_t>{1, 2, 3, 4}));
}

TEST_F(MembershipTest, GroupsThatMayHoldDataNeverMove) {
  RegisterAndAdd(Node("n1"));
  const GroupSet first = Newest();  // a file was made
  RegisterAndAdd(Node("n2"));
  Restart();
  const GroupSet second = Newest();
  EXPECT_EQ(second.base, kDefaultGroups);
  EXPECT_GT(second.epoch, first.epoch);
  EXPECT_EQ(TargetsIn(first), (std::set<uint32_t>{1}));
  EXPECT_EQ(TargetsIn(second), (std::set<uint32_t>{1, 2}));
}

TEST_F(MembershipTest, AFileMadeBeforeTheFirstNodeDoesNotCostASet) {
  const GroupSet empty = Newest();
  RegisterAndAdd(Node("n1"));
  EXPECT_EQ(Newest().base, empty.base);
  EXPECT_EQ(TargetsIn(empty), (std::set<uint32_t>{1}));
}

TEST_F(MembershipTest, ANewDiskOfAnAddedNodeIsUsedAtOnce) {
  auto node = Node("n1");
  RegisterAndAdd(node);
  (void)Newest();
  AddTarget(&node);
  MustRegister(node);
  EXPECT_EQ(TargetsIn(Newest()), (std::set<uint32_t>{1, 2}));
}

TEST_F(MembershipTest, NodesThatAreAwayGetNoNewFiles) {
  const auto n1 = Node("n1");
  const auto n2 = Node("n2");
  RegisterAndAdd(n1);
  RegisterAndAdd(n2);
  (void)Newest();
  Pass(milliseconds(20'000), {n1});
  RegisterAndAdd(Node("n3"));
  EXPECT_EQ(TargetsIn(Newest()), (std::set<uint32_t>{1, 3}));
  MustRegister(n2);  // it is back
  EXPECT_EQ(TargetsIn(Newest()), (std::set<uint32_t>{1, 2, 3}));
}

TEST_F(MembershipTest, FullDisksGetFewNewFiles) {
  auto full = Node("n1");
  full.mutable_targets(0)->set_free_bytes(kDisk / 10);
  RegisterAndAdd(full);
  RegisterAndAdd(Node("n2"));
  const GroupSet set = Newest();
  const proto::Pool* pool = membership_->publisher().Current()->FindPool(PoolId(0));
  int on_full = 0;
  for (uint32_t i = 0; i < set.count; ++i) {
    on_full += pool->groups(static_cast<int>(i)).members(0).target_id() == 1 ? 1 : 0;
  }
  EXPECT_NEAR(on_full, 1024 / 11, 2);
}

TEST_F(MembershipTest, HeartbeatsTellFreeSpaceWithoutANewEpoch) {
  const auto node = Node("n1");
  RegisterAndAdd(node);
  MustRegister(Node("pending"));
  const uint64_t epoch = Epoch();
  proto::HeartbeatRequest request;
  request.set_node_uuid(node.node_uuid());
  *request.add_targets() = node.targets(0);
  request.mutable_targets(0)->set_free_bytes(5000);
  request.mutable_targets(0)->set_fault("fsync failed");
  ASSERT_TRUE(membership_->Heartbeat(request).ok());
  EXPECT_EQ(Epoch(), epoch);
  EXPECT_EQ(membership_->Describe().targets(0).free_bytes(), 5000u);
  EXPECT_EQ(membership_->Describe().targets(0).fault(), "fsync failed");
  EXPECT_EQ(membership_->TotalSpace().capacity_bytes, kDisk);
  EXPECT_EQ(membership_->TotalSpace().free_bytes, 5000u);
}

TEST_F(MembershipTest, FencesAreKeptUpToTheirBound) {
  std::vector<SessionId> sessions;
  for (int i = 1; i <= kMaxFencedSessions + 10; ++i) sessions.emplace_back(i);
  ASSERT_TRUE(membership_->FenceSessions(sessions).ok());
  const uint64_t epoch = Epoch();
  const auto map = membership_->publisher().Current();
  ASSERT_EQ(map->message().fenced_sessions_size(), kMaxFencedSessions);
  EXPECT_EQ(map->message().fenced_sessions(0), 11u);
  ASSERT_TRUE(membership_->FenceSessions({SessionId(20)}).ok());
  EXPECT_EQ(Epoch(), epoch) << "it was fenced already";
}

TEST_F(MembershipTest, NodesAreAddedByThemselvesWhereThatIsAskedFor) {
  options_.auto_add_nodes = true;
  Restart();
  EXPECT_EQ(MustRegister(Node("n1")).state(), proto::NODE_ONLINE);
  EXPECT_EQ(TargetsIn(Newest()), (std::set<uint32_t>{1}));
}

TEST_F(MembershipTest, ListenersHearOfEveryEpochUntilTheyLeave) {
  int calls = 0;
  const auto subscription = membership_->publisher().Subscribe([&] { ++calls; });
  RegisterAndAdd(Node("n1"));
  EXPECT_EQ(calls, 2);
  membership_->publisher().Unsubscribe(subscription);
  MustRegister(Node("n2"));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace weft::metadata
