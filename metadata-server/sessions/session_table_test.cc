#include "metadata-server/sessions/session_table.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

#include "common/status.h"
#include "common/testing/manual_clock.h"

namespace weft::metadata {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTtl{15'000};

class SessionTableTest : public testing::Test {
 protected:
  struct Ended {
    SessionId session;
    bool expired;
    bool operator==(const Ended&) const = default;
  };

  SessionTableTest() { Restart(); }

  void Restart() {
    table_.reset();
    auto table = SessionTable::Load({.ttl = kTtl,
                                     .end =
                                         [this](SessionId session, bool expired) {
                                           ended_.push_back({session, expired});
                                           return end_result_;
                                         },
                                     .fenced = fenced_},
                                    store_.get(), &clock_);
    ASSERT_TRUE(table.ok()) << table.status();
    table_ = std::move(*table);
  }

  SessionId Open(const std::string& uuid) {
    proto::OpenSessionRequest request;
    request.set_client_uuid(uuid);
    request.set_host("host-" + uuid);
    auto id = table_->Open(request);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.ok() ? *id : SessionId();
  }
  int ErrorOf(SessionId session) { return ErrnoOf(table_->Begin(session).status()); }
  // Lets time pass as the upkeep threads see it.
  void Pass(milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds(500)) {
      clock_.Advance(milliseconds(500));
      table_->MarkExpired();
      table_->EndRefused();
    }
  }

  ManualClock clock_;
  std::unique_ptr<KvStore> store_ = NewMemoryKvStore();
  absl::Status end_result_;
  std::vector<Ended> ended_;
  std::vector<SessionId> fenced_;
  std::unique_ptr<SessionTable> table_;
};

TEST_F(SessionTableTest, OnlyOpenSessionsAreKnown) {
  const SessionId session = Open("a");
  EXPECT_EQ(ErrorOf(session), 0);
  EXPECT_EQ(ErrorOf(SessionId(session.value() + 1)), ESHUTDOWN);
  EXPECT_EQ(ErrorOf(SessionId()), ESHUTDOWN);
  const auto list = table_->List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].id, session);
  EXPECT_EQ(list[0].client.host(), "host-a");
}

TEST_F(SessionTableTest, ARepeatedOpenGivesTheSameSession) {
  const SessionId session = Open("a");
  EXPECT_EQ(Open("a"), session);
  EXPECT_NE(Open("b"), session);
}

TEST_F(SessionTableTest, SilenceExpiresAndRequestsKeepAlive) {
  const SessionId silent = Open("silent");
  const SessionId busy = Open("busy");
  for (int i = 0; i < 4; ++i) {
    Pass(kTtl / 3);
    EXPECT_EQ(ErrorOf(busy), 0);
  }
  EXPECT_EQ(ErrorOf(silent), ESHUTDOWN);
  EXPECT_EQ(ended_, (std::vector<Ended>{{silent, true}}));
  EXPECT_NE(Open("silent"), silent);
}

TEST_F(SessionTableTest, ItDoesNotExpireBeforeItsTime) {
  const SessionId session = Open("a");
  Pass(kTtl);
  EXPECT_TRUE(ended_.empty());
  EXPECT_EQ(table_->List()[0].idle, kTtl);
  EXPECT_EQ(ErrorOf(session), 0);
}

TEST_F(SessionTableTest, AStallOfThisProcessExpiresNobody) {
  const SessionId session = Open("a");
  Pass(milliseconds(1'000));
  clock_.Advance(10 * kTtl);
  table_->MarkExpired();
  table_->EndRefused();
  EXPECT_TRUE(ended_.empty());
  Pass(kTtl);
  EXPECT_EQ(table_->List().size(), 1u);
  Pass(milliseconds(1'000));
  EXPECT_EQ(ErrorOf(session), ESHUTDOWN);
}

TEST_F(SessionTableTest, AClosedSessionIsGoneAndWasNotExpired) {
  const SessionId session = Open("a");
  table_->Close(session);
  EXPECT_EQ(ErrorOf(session), ESHUTDOWN);
  EXPECT_EQ(ended_, (std::vector<Ended>{{session, false}}));
  table_->Close(session);
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(SessionTableTest, ASessionInUseNeitherExpiresNorEnds) {
  const SessionId session = Open("a");
  auto use = table_->Begin(session);
  ASSERT_TRUE(use.ok());
  Pass(3 * kTtl);
  EXPECT_EQ(table_->List().size(), 1u) << "it waits for its answer";
  table_->Close(session);
  EXPECT_EQ(ErrorOf(session), ESHUTDOWN);
  EXPECT_TRUE(ended_.empty());
  { const SessionTable::Use last = *std::move(use); }
  table_->EndRefused();
  EXPECT_EQ(ended_, (std::vector<Ended>{{session, false}}));
}

TEST_F(SessionTableTest, AnEndThatFailsIsTriedAgain) {
  const SessionId session = Open("a");
  end_result_ = PosixError(EIO, "not now");
  table_->Close(session);
  table_->EndRefused();
  EXPECT_EQ(ended_.size(), 2u);
  end_result_ = absl::OkStatus();
  table_->EndRefused();
  table_->EndRefused();
  EXPECT_EQ(ended_.size(), 3u);
}

TEST_F(SessionTableTest, SessionsSurviveARestartWithAFreshTtl) {
  const SessionId session = Open("a");
  const SessionId closed = Open("b");
  table_->Close(closed);
  Pass(kTtl - milliseconds(1'000));
  Restart();
  Pass(kTtl);
  EXPECT_EQ(ErrorOf(session), 0);
  EXPECT_EQ(ErrorOf(closed), ESHUTDOWN);
  EXPECT_EQ(table_->List()[0].client.client_uuid(), "a");
}

// Its end did not finish before the restart: it lives again and expires anew, nothing is leaked.
TEST_F(SessionTableTest, AnUnfinishedEndIsRepeatedAfterARestart) {
  const SessionId session = Open("a");
  end_result_ = PosixError(EIO, "not now");
  Pass(kTtl + milliseconds(1'000));
  end_result_ = absl::OkStatus();
  ended_.clear();
  Restart();
  Pass(kTtl + milliseconds(1'000));
  EXPECT_EQ(ended_, (std::vector<Ended>{{session, true}}));
}

TEST_F(SessionTableTest, AFencedSessionStaysRefusedAfterARestart) {
  const SessionId session = Open("a");
  fenced_ = {session, SessionId(77)};
  Restart();
  EXPECT_EQ(ErrorOf(session), ESHUTDOWN);
  EXPECT_NE(Open("a"), session);
  table_->EndRefused();
  EXPECT_EQ(ended_, (std::vector<Ended>{{session, true}}));
}

TEST_F(SessionTableTest, IdsAreNeverUsedTwice) {
  const SessionId first = Open("a");
  table_->Close(first);
  Restart();
  EXPECT_GT(Open("b"), first);
}

TEST_F(SessionTableTest, DamagedRowsAreReported) {
  Batch batch;
  batch.Put(Family::kSession, "short", "");
  ASSERT_TRUE(store_->Commit(batch).ok());
  const auto table = SessionTable::Load({.ttl = kTtl}, store_.get(), &clock_);
  EXPECT_EQ(ErrnoOf(table.status()), EIO);
}

}  // namespace
}  // namespace weft::metadata
