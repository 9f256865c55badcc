#include "storage-server/cluster/cluster_view.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "storage-server/testing/maps.h"

namespace weft::storage {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const ClusterMap> MapOfEpoch(uint64_t epoch) {
  proto::ClusterMap message = TestMap();
  message.set_epoch(epoch);
  auto map = ClusterMap::Make(std::move(message));
  EXPECT_TRUE(map.ok()) << map.status();
  return map.value();
}

proto::Route RouteTo(uint32_t target, uint32_t group, uint64_t epoch) {
  proto::Route route;
  route.set_target_id(target);
  route.set_group(group);
  route.set_map_epoch(epoch);
  return route;
}

class ClusterViewTest : public testing::Test {
 protected:
  int Check(uint32_t target, uint32_t group, uint64_t epoch) {
    return ErrnoOf(view_.CheckRoute(RouteTo(target, group, epoch)));
  }

  ManualClock clock_;
  ClusterView view_{&clock_};
};

TEST_F(ClusterViewTest, ServesFromTheFirstAnswerUntilTheLeaseEnds) {
  EXPECT_EQ(ErrnoOf(view_.CheckServing()), EAGAIN);
  view_.Renew(clock_.Now(), 1000ms);
  EXPECT_TRUE(view_.CheckServing().ok());
  clock_.Advance(999ms);
  EXPECT_TRUE(view_.CheckServing().ok());
  clock_.Advance(1ms);
  EXPECT_EQ(ErrnoOf(view_.CheckServing()), EAGAIN);
  view_.Renew(clock_.Now(), 1000ms);
  EXPECT_TRUE(view_.CheckServing().ok());
}

TEST_F(ClusterViewTest, TheLeaseCountsFromTheQuestionNotFromTheAnswer) {
  const auto asked_at = clock_.Now();
  clock_.Advance(600ms);
  view_.Renew(asked_at, 1000ms);
  clock_.Advance(400ms);
  EXPECT_EQ(ErrnoOf(view_.CheckServing()), EAGAIN);
}

TEST_F(ClusterViewTest, RevokingEndsTheLeaseUntilTheNextAnswer) {
  view_.Renew(clock_.Now(), 1000ms);
  view_.Revoke();
  EXPECT_EQ(ErrnoOf(view_.CheckServing()), EAGAIN);
  view_.Renew(clock_.Now(), 1000ms);
  EXPECT_TRUE(view_.CheckServing().ok());
}

TEST_F(ClusterViewTest, OnlyNewerMapsAreTaken) {
  EXPECT_EQ(view_.epoch(), MapEpoch(0));
  EXPECT_EQ(view_.map(), nullptr);
  EXPECT_TRUE(view_.Update(MapOfEpoch(5)));
  EXPECT_FALSE(view_.Update(MapOfEpoch(5)));
  EXPECT_FALSE(view_.Update(MapOfEpoch(4)));
  EXPECT_EQ(view_.epoch(), MapEpoch(5));
  EXPECT_TRUE(view_.Update(MapOfEpoch(6)));
  EXPECT_EQ(view_.map()->epoch(), MapEpoch(6));
}

TEST_F(ClusterViewTest, RoutesAreCheckedAgainstTheMap) {
  EXPECT_EQ(Check(kTestTarget, 0, kTestGroupEpoch), EAGAIN) << "there is no map yet";
  EXPECT_EQ(Check(kTestTarget, kWholeTarget, 0), 0) << "needs no map";
  ASSERT_TRUE(view_.Update(MapOfEpoch(kTestEpoch)));
  EXPECT_EQ(Check(kTestTarget, 0, kTestGroupEpoch), 0);
  EXPECT_EQ(Check(kTestTarget, 1, kTestGroupEpoch), 0);
  EXPECT_EQ(Check(kTestTarget, 0, kTestGroupEpoch - 1), ESTALE);
  EXPECT_EQ(Check(kTestTarget, 0, kTestGroupEpoch + 1), ESTALE) << "no chain is of this epoch";
  EXPECT_EQ(Check(kTestTarget, 0, kTestEpoch + 1), EAGAIN) << "our map is older";
  EXPECT_EQ(Check(kTestTarget, 2, kTestGroupEpoch), ESTALE) << "the group is elsewhere";
  EXPECT_EQ(Check(99, 0, kTestGroupEpoch), ESTALE) << "the target is in no pool";
  EXPECT_EQ(Check(kTestTarget, 4, kTestGroupEpoch), EINVAL);
}

TEST_F(ClusterViewTest, FencedSessionsAreRefused) {
  EXPECT_TRUE(view_.CheckSession(SessionId(kFencedSession)).ok());
  ASSERT_TRUE(view_.Update(MapOfEpoch(kTestEpoch)));
  EXPECT_EQ(ErrnoOf(view_.CheckSession(SessionId(kFencedSession))), ESHUTDOWN);
  EXPECT_TRUE(view_.CheckSession(SessionId(kFencedSession + 1)).ok());
}

}  // namespace
}  // namespace weft::storage
