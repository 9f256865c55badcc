#include "client/core/open_ledger.h"

#include <gtest/gtest.h>

#include <vector>

namespace weft::client {
namespace {

constexpr SessionId kSession{7};
constexpr InodeId kF{10};

class OpenLedgerTest : public testing::Test {
 protected:
  OpenLedgerTest() { ledger_.UseSession(kSession); }

  uint64_t Begin() { return ledger_.Begin(kSession, &tracker_).sequence; }
  void Open(bool for_writing = false) { ledger_.Opened(kSession, Begin(), kF, for_writing); }
  proto::KeepAliveRequest Report(SessionId session = kSession) {
    proto::KeepAliveRequest report;
    ledger_.Report(session, &report);
    EXPECT_TRUE(report.reports_opens());
    return report;
  }

  OpenLedger ledger_;
  SequenceTracker tracker_;
};

TEST_F(OpenLedgerTest, OpensAreCountedByInodeAndMode) {
  EXPECT_EQ(Report().opens_size(), 0);
  Open();
  Open();
  Open(true);
  const auto report = Report();
  ASSERT_EQ(report.opens_size(), 2);
  EXPECT_EQ(report.opens(0).count(), 2u);
  EXPECT_FALSE(report.opens(0).for_writing());
  EXPECT_EQ(report.opens(1).count(), 1u);
  EXPECT_TRUE(report.opens(1).for_writing());
  EXPECT_EQ(report.opens_sequence(), 3u);
  EXPECT_EQ(report.opens_except_size(), 0);
  ledger_.Closed(kSession, Begin(), kF, true);
  EXPECT_EQ(Report().opens_size(), 1);
}

TEST_F(OpenLedgerTest, WhatIsNotAnsweredIsNamed) {
  const uint64_t open = Begin();
  Open();
  const uint64_t close = Begin();
  auto report = Report();
  ASSERT_EQ(report.opens_size(), 1);
  EXPECT_EQ(report.opens(0).count(), 1u) << "the close is not answered either";
  EXPECT_EQ(report.opens_sequence(), close);
  EXPECT_EQ(std::vector<uint64_t>(report.opens_except().begin(), report.opens_except().end()),
            (std::vector<uint64_t>{open, close}));
  ledger_.End(kSession, open);  // it has failed
  ledger_.Closed(kSession, close, kF, false);
  report = Report();
  EXPECT_EQ(report.opens_size(), 0);
  EXPECT_EQ(report.opens_sequence(), close);
  EXPECT_EQ(report.opens_except_size(), 0);
}

TEST_F(OpenLedgerTest, ANewSessionHasCarriedOutNothing) {
  Open();
  const uint64_t running = Begin();
  const SessionId next{8};
  auto report = Report(next);
  EXPECT_EQ(report.opens_size(), 1);
  EXPECT_EQ(report.opens_sequence(), 0u);
  ledger_.UseSession(next);
  SequenceTracker tracker;
  const uint64_t sequence = ledger_.Begin(next, &tracker).sequence;
  ledger_.End(kSession, running);
  report = Report(next);
  EXPECT_EQ(report.opens_sequence(), sequence);
  ASSERT_EQ(report.opens_except_size(), 1);
  EXPECT_EQ(report.opens_except(0), sequence);
}

}  // namespace
}  // namespace weft::client
