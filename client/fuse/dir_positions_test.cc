#include "client/fuse/dir_positions.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::fuse {
namespace {

std::string NameOf(int number) { return "entry" + std::to_string(1'000'000 + number); }

// Hands out entries [first, first + count) as one answer; the position after the last one.
int64_t HandOut(DirPositions& positions, int64_t after, int first, int count) {
  positions.BeginBatch(after, first == 0 ? "" : NameOf(first - 1));
  for (int i = first; i < first + count; ++i) {
    after = *positions.Next(NameOf(i));
    positions.HandedOut(NameOf(i));
  }
  return after;
}

TEST(DirPositionsTest, StartAndDotsComeBeforeTheFirstEntry) {
  const DirPositions positions;
  for (const int64_t position :
       {DirPositions::kStart, DirPositions::kAfterDot, DirPositions::kAfterDotDot}) {
    const auto place = positions.Find(position);
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(place->after_name, "");
    EXPECT_FALSE(place->skip_to_hash.has_value());
  }
}

TEST(DirPositionsTest, PositionsNeverGivenOutAreRefused) {
  DirPositions positions;
  EXPECT_FALSE(positions.Find(-1).has_value());
  EXPECT_FALSE(positions.Find(12345).has_value());
  EXPECT_FALSE(positions.Find(INT64_MAX).has_value());
  const int64_t last = HandOut(positions, DirPositions::kAfterDotDot, 0, 2);
  EXPECT_FALSE(positions.Find(last + (int64_t{1} << 32)).has_value());
}

TEST(DirPositionsTest, TheLastAnswerIsKnownExactly) {
  DirPositions positions;
  positions.BeginBatch(DirPositions::kAfterDotDot, "");
  for (int i = 0; i < 100; ++i) {
    const int64_t position = *positions.Next(NameOf(i));
    positions.HandedOut(NameOf(i));
    EXPECT_GT(position, DirPositions::kAfterDotDot);
    const auto place = positions.Find(position);
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(place->after_name, NameOf(i));
    EXPECT_FALSE(place->skip_to_hash.has_value());
  }
}

TEST(DirPositionsTest, ARepeatedRequestIsKnownExactly) {
  DirPositions positions;
  const int64_t end = HandOut(positions, DirPositions::kAfterDotDot, 0, 10);
  HandOut(positions, end, 10, 10);
  const auto place = positions.Find(end);
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->after_name, NameOf(9));
  EXPECT_FALSE(place->skip_to_hash.has_value());
}

TEST(DirPositionsTest, OlderAnswersAreFoundByHashFromWhereTheyBegan) {
  DirPositions positions;
  const int64_t first_end = HandOut(positions, DirPositions::kAfterDotDot, 0, 10);
  const int64_t second_end = HandOut(positions, first_end, 10, 10);
  HandOut(positions, second_end, 20, 10);
  const auto place = positions.Find(first_end);
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->after_name, "");
  EXPECT_EQ(place->skip_to_hash, DirPositions::HashOf(NameOf(9)));
}

TEST(DirPositionsTest, AnEmptyAnswerIsForgotten) {
  DirPositions positions;
  const int64_t end = HandOut(positions, DirPositions::kAfterDotDot, 0, 10);
  for (int i = 0; i < 3; ++i) positions.BeginBatch(end, NameOf(9));  // the end, asked for again
  const auto place = positions.Find(end);
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->after_name, NameOf(9));
}

TEST(DirPositionsTest, JoinedAnswersNeverBeginAfterTheirEntries) {
  DirPositions positions;
  constexpr int kPerAnswer = 3;
  constexpr int kAnswers = static_cast<int>(DirPositions::kMaxBatches) * 5;
  std::vector<int64_t> ends;
  int64_t after = DirPositions::kAfterDotDot;
  for (int answer = 0; answer < kAnswers; ++answer) {
    after = HandOut(positions, after, answer * kPerAnswer, kPerAnswer);
    ends.push_back(after);
  }
  for (int answer = 0; answer < kAnswers; ++answer) {
    const auto place = positions.Find(ends[answer]);
    ASSERT_TRUE(place.has_value());
    const std::string name = NameOf(answer * kPerAnswer + kPerAnswer - 1);
    if (place->skip_to_hash.has_value()) {
      EXPECT_LT(place->after_name, name);
      EXPECT_EQ(place->skip_to_hash, DirPositions::HashOf(name));
    } else {
      EXPECT_EQ(place->after_name, name);
    }
  }
}

TEST(DirPositionsTest, JoiningAfterASeekBackTakesTheSmallerName) {
  DirPositions positions;
  const int64_t end = HandOut(positions, DirPositions::kAfterDotDot, 500, 10);
  int64_t low = 0;
  for (size_t i = 0; i < DirPositions::kMaxBatches * 2; ++i) {
    low = HandOut(positions, end, static_cast<int>(i % 2) * 100, 1);  // back and forth
  }
  const auto place = positions.Find(low);
  ASSERT_TRUE(place.has_value());
  EXPECT_LE(place->after_name, NameOf(100));
}

TEST(DirPositionsTest, ClearForgetsPositions) {
  DirPositions positions;
  const int64_t end = HandOut(positions, DirPositions::kAfterDotDot, 0, 10);
  positions.Clear();
  EXPECT_FALSE(positions.Find(end).has_value());
}

}  // namespace
}  // namespace weft::fuse
