#include "client/fuse/caller_groups.h"

#include <gtest/gtest.h>

#include "common/limits.h"
#include "common/testing/manual_clock.h"

namespace weft::fuse {
namespace {

class CallerGroupsTest : public testing::Test {
 protected:
  CallerGroups::Read Reading(std::vector<uint32_t> list) {
    return [this, list] {
      ++reads_;
      return list;
    };
  }

  ManualClock clock_;
  CallerGroups groups_{&clock_};
  int reads_ = 0;
};

TEST_F(CallerGroupsTest, TheyAreKeptForSomeSeconds) {
  EXPECT_EQ(*groups_.Get({1, 2, 3}, Reading({7})), std::vector<uint32_t>{7});
  EXPECT_EQ(*groups_.Get({1, 2, 3}, Reading({8})), std::vector<uint32_t>{7});
  EXPECT_EQ(reads_, 1);
  clock_.Advance(CallerGroups::kKept);
  EXPECT_EQ(*groups_.Get({1, 2, 3}, Reading({8})), std::vector<uint32_t>{8});
}

TEST_F(CallerGroupsTest, AnotherThreadUserOrGroupHasItsOwn) {
  ASSERT_EQ(groups_.Get({1, 2, 3}, Reading({7}))->size(), 1u);
  for (const CallerGroups::Key key : {CallerGroups::Key{2, 2, 3}, {1, 9, 3}, {1, 2, 9}}) {
    EXPECT_EQ(*groups_.Get(key, Reading({8})), std::vector<uint32_t>{8});
  }
}

TEST_F(CallerGroupsTest, RereadingReplacesWhatIsKept) {
  ASSERT_EQ(groups_.Get({1, 2, 3}, Reading({7}))->size(), 1u);
  EXPECT_EQ(*groups_.Reread({1, 2, 3}, Reading({8})), std::vector<uint32_t>{8});
  EXPECT_EQ(*groups_.Get({1, 2, 3}, Reading({9})), std::vector<uint32_t>{8});
}

TEST_F(CallerGroupsTest, TheirNumberIsBounded) {
  const std::vector<uint32_t> many(kMaxCallerGroups + 1, 5);
  EXPECT_EQ(groups_.Get({1, 2, 3}, Reading(many))->size(), kMaxCallerGroups);
}

}  // namespace
}  // namespace weft::fuse
