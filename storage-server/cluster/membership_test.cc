#include "storage-server/cluster/membership.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "storage-server/testing/fake_metadata.h"
#include "storage-server/testing/maps.h"
#include "storage-server/testing/temp_directory.h"

namespace weft::storage {
namespace {

using namespace std::chrono_literals;

constexpr char kOtherClusterId[] = "22222222-2222-4222-8222-222222222222";

// True once `condition` holds; false only where it does not for a minute.
bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

class MembershipTest : public testing::Test {
 protected:
  void SetUp() override { OpenTargets(); }
  void TearDown() override { membership_.reset(); }

  void OpenTargets() {
    targets_.reset();
    auto targets = LocalTargets::Open({directory_.Path("a"), directory_.Path("b")}, 64 << 20);
    ASSERT_TRUE(targets.ok()) << targets.status();
    targets_ = std::move(*targets);
  }

  void Join(const std::string& metadata_address) {
    MembershipOptions options;
    options.metadata_address = metadata_address;
    options.node_name = "n1";
    options.advertised_address = "127.0.0.1:7410";
    options.on_refused_at_start = [this](const absl::Status& status) {
      MutexLock lock(&mutex_);
      refusals_.push_back(MessageOf(status));
    };
    membership_ = std::make_unique<Membership>(std::move(options), targets_.get(), &view_, &clock_);
  }

  bool IsServing() { return view_.CheckServing().ok(); }
  std::vector<std::string> Refusals() {
    MutexLock lock(&mutex_);
    return refusals_;
  }

  TempDirectory directory_;
  ManualClock clock_;
  ClusterView view_{&clock_};
  std::unique_ptr<LocalTargets> targets_;
  FakeMetadata metadata_{kTestClusterId, kTestTarget};
  Mutex mutex_;
  std::vector<std::string> refusals_ WEFT_GUARDED_BY(mutex_);
  std::unique_ptr<Membership> membership_;
};

TEST_F(MembershipTest, RegistersAllTargetsAndServes) {
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  const proto::RegisterRequest request = metadata_.last_registration();
  EXPECT_EQ(request.name(), "n1");
  EXPECT_EQ(request.address(), "127.0.0.1:7410");
  EXPECT_EQ(request.node_uuid(), targets_->node_uuid());
  EXPECT_EQ(request.cluster_id(), "");
  ASSERT_EQ(request.targets_size(), 2);
  EXPECT_EQ(request.targets(1).path(), directory_.Path("b"));
  EXPECT_GT(request.targets(0).capacity_bytes(), 0u);
  EXPECT_NE(targets_->Find(TargetId(kTestTarget)), nullptr);
  EXPECT_NE(targets_->Find(TargetId(kTestTarget + 1)), nullptr);
  EXPECT_EQ(targets_->Find(TargetId(kTestTarget + 2)), nullptr);
  EXPECT_EQ(targets_->Find(TargetId(0)), nullptr);
}

TEST_F(MembershipTest, TheClusterIsRememberedInTheSuperblocks) {
  const std::string node_uuid = targets_->node_uuid();
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  membership_.reset();
  OpenTargets();
  EXPECT_EQ(targets_->cluster_id(), kTestClusterId);
  EXPECT_EQ(targets_->node_uuid(), node_uuid);
}

TEST_F(MembershipTest, FollowsTheMap) {
  metadata_.Publish(TestMap());
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return view_.epoch() == MapEpoch(kTestEpoch); }));
  proto::ClusterMap next = TestMap();
  next.set_epoch(kTestEpoch + 1);
  metadata_.Publish(next);
  EXPECT_TRUE(Eventually([&] { return view_.epoch() == MapEpoch(kTestEpoch + 1); }));
}

TEST_F(MembershipTest, AMapStreamThatHasGoneSilentIsOpenedAgain) {
  metadata_.Publish(TestMap());
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return view_.epoch() == MapEpoch(kTestEpoch); }));
  metadata_.MuteStreams();
  proto::ClusterMap next = TestMap();
  next.set_epoch(kTestEpoch + 1);
  metadata_.Publish(next);
  EXPECT_TRUE(Eventually([&] { return view_.epoch() == MapEpoch(kTestEpoch + 1); }));
}

TEST_F(MembershipTest, WithoutAnswersTheLeaseEndsAndTheNextAnswerRenewsIt) {
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  metadata_.StopControl();
  clock_.Advance(10s);  // the fake's lease
  EXPECT_FALSE(IsServing());
  metadata_.StartControl();
  EXPECT_TRUE(Eventually([&] { return IsServing(); }));
  EXPECT_GE(metadata_.registrations(), 2);
}

TEST_F(MembershipTest, HeartbeatsRenewTheLease) {
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(9s);
    // The second of two has been sent after the clock was moved.
    ASSERT_TRUE(metadata_.AwaitHeartbeat() && metadata_.AwaitHeartbeat());
    ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  }
  EXPECT_EQ(metadata_.registrations(), 1);
}

TEST_F(MembershipTest, RegistersAgainWhereItIsNotKnownAnyMore) {
  Join(metadata_.wire_address());
  ASSERT_TRUE(metadata_.AwaitRegistrations(1));
  metadata_.ForgetNode();
  EXPECT_TRUE(metadata_.AwaitRegistrations(2));
  EXPECT_EQ(metadata_.last_registration().cluster_id(), kTestClusterId);
}

TEST_F(MembershipTest, StartsBeforeTheMetadataServer) {
  std::string address;
  {
    FakeMetadata gone("33333333-3333-4333-8333-333333333333", 1);
    address = gone.wire_address();
  }
  Join(address);
  EXPECT_FALSE(IsServing());
  EXPECT_TRUE(Refusals().empty());
  membership_->Stop();  // while it retries
}

TEST_F(MembershipTest, AnotherClusterIsRefusedAtTheStart) {
  ASSERT_TRUE(targets_->AdoptCluster(kOtherClusterId).ok());
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return !Refusals().empty(); }));
  EXPECT_NE(Refusals()[0].find(kOtherClusterId), std::string::npos) << Refusals()[0];
  EXPECT_NE(Refusals()[0].find(kTestClusterId), std::string::npos) << Refusals()[0];
  EXPECT_FALSE(IsServing());
  EXPECT_EQ(metadata_.registrations(), 0);
}

TEST_F(MembershipTest, ARefusalAtTheStartIsReportedOnce) {
  metadata_.RefuseRegistrations({grpc::StatusCode::ALREADY_EXISTS, "the name n1 is taken"});
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return !Refusals().empty(); }));
  EXPECT_NE(Refusals()[0].find("the name n1 is taken"), std::string::npos) << Refusals()[0];
  metadata_.RefuseRegistrations(grpc::Status::OK);
  ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  EXPECT_EQ(Refusals().size(), 1u);
}

TEST_F(MembershipTest, AnotherClusterAtTheSameAddressLaterEndsTheLeaseOnly) {
  Join(metadata_.wire_address());
  ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  metadata_.SetCluster(kOtherClusterId);
  metadata_.ForgetNode();
  ASSERT_TRUE(Eventually([&] { return !IsServing(); }));
  EXPECT_TRUE(Refusals().empty());
  EXPECT_EQ(targets_->cluster_id(), kTestClusterId);
  metadata_.SetCluster(kTestClusterId);
  EXPECT_TRUE(Eventually([&] { return IsServing(); }));
}

TEST_F(MembershipTest, ErrorsThatMayPassAreTriedAgain) {
  metadata_.RefuseRegistrations({grpc::StatusCode::UNAVAILABLE, "starting"});
  Join(metadata_.wire_address());
  // Nothing says when it has been tried; whenever that is, it must not be taken for a refusal.
  metadata_.RefuseRegistrations(grpc::Status::OK);
  EXPECT_TRUE(Eventually([&] { return IsServing(); }));
  EXPECT_TRUE(Refusals().empty());
}

TEST(ControlPlane, AddressesWithoutAHostTakeThatOfTheWire) {
  EXPECT_EQ(ReachableAddress("10.0.0.1:7401", "meta:7400"), "10.0.0.1:7401");
  EXPECT_EQ(ReachableAddress(":7401", "meta:7400"), "meta:7401");
  EXPECT_EQ(ReachableAddress("0.0.0.0:7401", "meta:7400"), "meta:7401");
  EXPECT_EQ(ReachableAddress("[::]:7401", "[fd00::1]:7400"), "[fd00::1]:7401");
}

}  // namespace
}  // namespace weft::storage
