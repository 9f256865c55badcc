#include "client/fuse/exit_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "common/status.h"

namespace weft::fuse {
namespace {

TEST(ExitReportTest, AnotherProcessReadsIt) {
  const ExitReport report;
  const auto reader = OpenExitReport(::getpid(), report.fd());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_THAT(MessageOf(ReadExitReport(*reader)), ::testing::HasSubstr("without a report"));
  report.Write(absl::OkStatus());
  EXPECT_TRUE(ReadExitReport(*reader).ok());
}

TEST(ExitReportTest, TellsWhatWasLost) {
  const ExitReport report;
  const auto reader = OpenExitReport(::getpid(), report.fd());
  ASSERT_TRUE(reader.ok()) << reader.status();
  report.Write(PosixError(EIO, "3 files lost writes"));
  EXPECT_EQ(MessageOf(ReadExitReport(*reader)), "3 files lost writes");
}

TEST(ExitReportTest, OfAProcessThatIsNotThere) {
  EXPECT_FALSE(OpenExitReport(::getpid(), 987'654).ok());
}

}  // namespace
}  // namespace weft::fuse
