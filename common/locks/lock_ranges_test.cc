#include "common/locks/lock_ranges.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <vector>

namespace weft {
namespace {

using Part = LockRanges::Part;
using enum LockType;

std::vector<Part> PartsOf(const LockRanges& ranges) {
  std::vector<Part> parts;
  ranges.ForEach([&](const Part& part) { parts.push_back(part); });
  return parts;
}

TEST(LockRangesTest, NeighboursOfOneTypeAreOnePart) {
  LockRanges ranges;
  ranges.Set({10, 19}, kRead);
  ranges.Set({30, 39}, kRead);
  ranges.Set({20, 29}, kRead);
  EXPECT_EQ(PartsOf(ranges), (std::vector<Part>{{{10, 39}, kRead}}));
  ranges.Set({40, 49}, kWrite);
  EXPECT_EQ(ranges.size(), 2u);
}

TEST(LockRangesTest, SettingInTheMiddleSplits) {
  LockRanges ranges;
  ranges.Set(kWholeFile, kRead);
  ranges.Set({10, 19}, kWrite);
  EXPECT_EQ(PartsOf(ranges),
            (std::vector<Part>{{{0, 9}, kRead}, {{10, 19}, kWrite}, {{20, kLastLockByte}, kRead}}));
  ranges.Clear({15, 24});
  EXPECT_EQ(PartsOf(ranges),
            (std::vector<Part>{{{0, 9}, kRead}, {{10, 14}, kWrite}, {{25, kLastLockByte}, kRead}}));
  ranges.Clear(kWholeFile);
  EXPECT_TRUE(ranges.empty());
}

TEST(LockRangesTest, TheLastByteOfAllHasNoNeighbour) {
  LockRanges ranges;
  ranges.Set({UINT64_MAX, UINT64_MAX}, kRead);
  ranges.Set({0, UINT64_MAX - 1}, kRead);
  EXPECT_TRUE(ranges.Covers({0, UINT64_MAX}, kRead));
  ranges.Clear({5, UINT64_MAX});
  EXPECT_EQ(PartsOf(ranges), (std::vector<Part>{{{0, 4}, kRead}}));
}

// Against an array with the type of each byte.
TEST(LockRangesTest, BehavesAsAnArrayOfBytes) {
  constexpr uint64_t kBytes = 40;
  std::mt19937_64 random(20261125);
  LockRanges ranges;
  std::array<std::optional<LockType>, kBytes> model{};
  for (int step = 0; step < 50'000; ++step) {
    const uint64_t a = random() % kBytes;
    const uint64_t b = random() % kBytes;
    const LockRange range{std::min(a, b), std::max(a, b)};
    const LockType type = random() % 2 == 0 ? kRead : kWrite;
    if (random() % 3 == 0) {
      ranges.Clear(range);
      for (uint64_t i = range.first; i <= range.last; ++i) model[i].reset();
    } else {
      ranges.Set(range, type);
      for (uint64_t i = range.first; i <= range.last; ++i) model[i] = type;
    }
    std::vector<Part> expected;
    for (uint64_t i = 0; i < kBytes; ++i) {
      if (!model[i]) continue;
      if (i > 0 && model[i] == model[i - 1]) {
        expected.back().range.last = i;
      } else {
        expected.push_back({{i, i}, *model[i]});
      }
    }
    ASSERT_EQ(PartsOf(ranges), expected) << "step " << step;
    const uint64_t from = random() % kBytes;
    const LockRange asked{from, from + random() % (kBytes - from)};
    bool covers = true;
    bool conflicts = false;
    for (uint64_t i = asked.first; i <= asked.last; ++i) {
      covers = covers && model[i] == type;
      conflicts = conflicts || (model[i] && LockTypesConflict(type, *model[i]));
    }
    ASSERT_EQ(ranges.Covers(asked, type), covers) << "step " << step;
    ASSERT_EQ(ranges.FindConflict(asked, type).has_value(), conflicts) << "step " << step;
  }
}

}  // namespace
}  // namespace weft
