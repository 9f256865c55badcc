#include "metadata-server/sessions/open_files.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace weft::metadata {
namespace {

constexpr SessionId kA{1};
constexpr SessionId kB{2};
constexpr InodeId kF{10};
constexpr InodeId kG{11};
constexpr OpenMode kRead = OpenMode::kReading;
constexpr OpenMode kWrite = OpenMode::kWriting;

class OpenFilesTest : public testing::Test {
 protected:
  void Open(uint64_t sequence, InodeId inode = kF, OpenMode mode = kRead) {
    ASSERT_TRUE(opens_.Add(kA, inode, mode, sequence).ok());
  }
  void Close(uint64_t sequence, InodeId inode = kF, OpenMode mode = kRead) {
    opens_.Remove(kA, inode, mode, sequence);
  }
  void Report(uint32_t count, uint64_t sequence, std::vector<uint64_t> except = {}) {
    OpenFiles::Reported reported;
    if (count > 0) reported.records.push_back({kF, kRead, count});
    reported.sequence = sequence;
    reported.except.insert(except.begin(), except.end());
    opens_.Report(kA, reported);
  }
  // Closes so many times until nothing is open: the number of opens that were counted.
  int CloseAll(uint64_t sequence) {
    int count = 0;
    for (; opens_.IsOpen(kF); ++count) Close(sequence + static_cast<uint64_t>(count));
    return count;
  }

  OpenFiles opens_;
};

TEST_F(OpenFilesTest, OpensAreCountedBySessionAndMode) {
  Open(1);
  Open(2, kF, kWrite);
  ASSERT_TRUE(opens_.Add(kB, kF, kRead, 1).ok());
  EXPECT_TRUE(opens_.OthersWrite(kB, kF));
  EXPECT_FALSE(opens_.OthersWrite(kA, kF));
  Close(3, kF, kWrite);
  EXPECT_FALSE(opens_.OthersWrite(kB, kF));
  Close(4);
  EXPECT_TRUE(opens_.IsOpen(kF));
  opens_.RemoveAll(kB, kF);
  EXPECT_FALSE(opens_.IsOpen(kF));
  Close(5);  // one too many
  Open(6);
  EXPECT_EQ(CloseAll(7), 1);
}

TEST_F(OpenFilesTest, WhatTheReportCountsIsNotCountedAgain) {
  Open(5);
  Open(6);
  Report(3, 6);  // one from before the restart
  EXPECT_EQ(CloseAll(7), 3);
}

TEST_F(OpenFilesTest, WhatTheReportDoesNotCountIsAdded) {
  Open(5);
  Open(6);  // answered after the report was made
  Report(1, 5);
  Open(7);
  EXPECT_EQ(CloseAll(8), 3);
}

TEST_F(OpenFilesTest, RequestsWithoutAnswerAreNotInTheReport) {
  Open(5);  // the answer is on its way
  Open(6);
  Report(1, 6, {5});
  EXPECT_EQ(CloseAll(7), 2);
}

TEST_F(OpenFilesTest, ClosesOfEarlierOpensCount) {
  Close(5);  // of one that was opened before the restart, answered
  Close(6);  // the same, not answered
  Report(3, 6, {6});
  EXPECT_EQ(CloseAll(7), 2);
}

TEST_F(OpenFilesTest, AnOpenAndItsCloseOnBothSidesOfTheReport) {
  Open(5);
  Close(6);
  Report(1, 5);
  EXPECT_FALSE(opens_.IsOpen(kF));
}

TEST_F(OpenFilesTest, LateRequestsThatTheClientGaveUpAreNotCounted) {
  Report(1, 6);
  Close(5);  // the client has counted it and waits for it no more
  EXPECT_EQ(CloseAll(7), 1);
}

TEST_F(OpenFilesTest, OnlyTheFirstReportCounts) {
  Report(1, 0);
  Open(1);
  Report(1, 0);  // the same again
  Report(2, 1);  // a later one
  EXPECT_EQ(CloseAll(2), 2);
}

TEST_F(OpenFilesTest, WhatIsNotReportedIsClosed) {
  Open(5);
  Open(6, kG);
  Close(7, kG);
  Open(8, kG, kWrite);
  Report(0, 8);
  EXPECT_FALSE(opens_.IsOpen(kF));
  EXPECT_FALSE(opens_.IsOpen(kG));
  EXPECT_EQ(opens_.CountOf(kA), 0u);
}

TEST_F(OpenFilesTest, TheEndOfASessionForgetsAllOfIt) {
  Open(5);
  Open(6, kG, kWrite);
  Report(1, 5);
  opens_.Forget(kA);
  EXPECT_FALSE(opens_.IsOpen(kF));
  EXPECT_FALSE(opens_.IsOpen(kG));
  Report(1, 0);
  EXPECT_EQ(CloseAll(1), 1);
}

// A client opens and closes while its report is made and carried out; whatever the order, one open
// is left. Nor does the file ever seem closed while the client has it open all the time.
TEST_F(OpenFilesTest, ReportsAndOpensAtTheSameTime) {
  for (int round = 0; round < 200; ++round) {
    OpenFiles opens;
    std::thread worker([&] {
      for (uint64_t sequence = 1; sequence <= 20; sequence += 2) {
        EXPECT_TRUE(opens.Add(kA, kF, kRead, sequence).ok());
        EXPECT_TRUE(opens.IsOpen(kF));
        opens.Remove(kA, kF, kRead, sequence + 1);
      }
    });
    OpenFiles::Reported reported;
    reported.records.push_back({kF, kRead, 1});
    reported.sequence = static_cast<uint64_t>(round % 11) * 2;  // between a close and an open
    opens.Report(kA, reported);
    worker.join();
    ASSERT_TRUE(opens.IsOpen(kF));
    opens.Remove(kA, kF, kRead, 100);
    ASSERT_FALSE(opens.IsOpen(kF));
  }
}

}  // namespace
}  // namespace weft::metadata
