#include "client/core/quota_allowance.h"

#include <gtest/gtest.h>

namespace weft::client {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

TEST(QuotaAllowanceTest, WithoutAQuotaEverythingFits) {
  QuotaAllowance allowance;
  EXPECT_FALSE(allowance.is_limited());
  EXPECT_TRUE(allowance.Take(UINT64_C(1) << 40));
  allowance.Heard(std::nullopt);
  EXPECT_FALSE(allowance.is_limited());
}

TEST(QuotaAllowanceTest, AnEighthOfWhatIsLeftIsWrittenAhead) {
  QuotaAllowance allowance;
  allowance.Heard(80 * kMib);
  EXPECT_TRUE(allowance.Take(10 * kMib));
  EXPECT_FALSE(allowance.Take(1));
  allowance.Committed(4 * kMib);
  allowance.Heard(76 * kMib);
  EXPECT_TRUE(allowance.Take(3 * kMib));
  EXPECT_FALSE(allowance.Take(kMib));
}

TEST(QuotaAllowanceTest, NearTheLimitItIsAMebibyteOrWhatIsLeft) {
  QuotaAllowance allowance;
  allowance.Heard(2 * kMib);
  EXPECT_TRUE(allowance.Take(kMib));
  EXPECT_FALSE(allowance.Take(1));
  allowance.Committed(kMib);
  allowance.Heard(1000);
  EXPECT_FALSE(allowance.Take(1001));
  EXPECT_TRUE(allowance.Take(1000));
}

TEST(QuotaAllowanceTest, AfterACommitWhatFitsIsTaken) {
  QuotaAllowance allowance;
  allowance.Heard(10 * kMib);
  EXPECT_TRUE(allowance.Take(kMib));
  EXPECT_FALSE(allowance.Take(9 * kMib));
  allowance.Heard(9 * kMib);
  EXPECT_FALSE(allowance.TakeAfterCommit(9 * kMib + 1));
  EXPECT_TRUE(allowance.TakeAfterCommit(9 * kMib));
  allowance.Committed(100 * kMib);  // more than was taken: a guess of the space
  allowance.Heard(0);
  EXPECT_FALSE(allowance.Take(1));
  EXPECT_FALSE(allowance.TakeAfterCommit(1));
}

}  // namespace
}  // namespace weft::client
