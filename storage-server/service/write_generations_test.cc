#include "storage-server/service/write_generations.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

#include "common/status.h"

namespace weft::storage {
namespace {

const SessionId kSession(1);
const TargetId kTarget(1);

TEST(WriteGenerationsTest, AnArrivalMakesOlderOnesLate) {
  WriteGenerations generations;
  const auto first = generations.Arrive(kSession, kTarget, 3);
  const auto same = generations.Arrive(kSession, kTarget, 3);
  EXPECT_TRUE(first.Check().ok());
  const auto newer = generations.Arrive(kSession, kTarget, 4);
  EXPECT_EQ(ErrnoOf(first.Check()), ECANCELED);
  EXPECT_EQ(ErrnoOf(same.Check()), ECANCELED);
  EXPECT_TRUE(newer.Check().ok());
  EXPECT_EQ(ErrnoOf(generations.Arrive(kSession, kTarget, 3).Check()), ECANCELED);
  EXPECT_TRUE(newer.Check().ok()) << "a late one changes nothing";
}

TEST(WriteGenerationsTest, SessionsAndTargetsCountForThemselves) {
  WriteGenerations generations;
  const auto here = generations.Arrive(kSession, kTarget, 1);
  EXPECT_TRUE(generations.Arrive(SessionId(2), kTarget, 7).Check().ok());
  EXPECT_TRUE(generations.Arrive(kSession, TargetId(2), 7).Check().ok());
  EXPECT_TRUE(here.Check().ok());
}

TEST(WriteGenerationsTest, TheLeastRecentlyUsedIsForgotten) {
  WriteGenerations generations(2);
  const auto arrive = [&](uint64_t session, uint64_t generation) {
    return generations.Arrive(SessionId(session), kTarget, generation).Check().ok();
  };
  EXPECT_TRUE(arrive(1, 5));
  EXPECT_TRUE(arrive(2, 5));
  EXPECT_TRUE(arrive(1, 5));
  EXPECT_TRUE(arrive(3, 5));  // forgets 2
  EXPECT_FALSE(arrive(1, 4));
  EXPECT_TRUE(arrive(2, 4));
}

TEST(WriteGenerationsTest, WhatIsInTheDaemonIsNotForgotten) {
  WriteGenerations generations(1);
  std::optional late = generations.Arrive(kSession, kTarget, 1);
  EXPECT_TRUE(generations.Arrive(SessionId(2), kTarget, 1).Check().ok());
  EXPECT_TRUE(generations.Arrive(SessionId(3), kTarget, 1).Check().ok());
  EXPECT_TRUE(generations.Arrive(kSession, kTarget, 2).Check().ok());
  EXPECT_EQ(ErrnoOf(late->Check()), ECANCELED);
}

}  // namespace
}  // namespace weft::storage
