#include "client/cli/background.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/status.h"

namespace weft::cli {
namespace {

using ::testing::HasSubstr;

// Ends the daemon without the parent's test framework.
[[noreturn]] void Exit(int code) { ::_exit(code); }

TEST(BackgroundTest, ReturnsOnceTheDaemonWorks) {
  const absl::Status status =
      RunInBackground([](const ReportReady& ready) -> absl::Status { Exit(ready() ? 0 : 1); });
  EXPECT_TRUE(status.ok()) << status;
  int result = 0;
  ASSERT_GT(::wait(&result), 0);
  EXPECT_EQ(result, 0);
}

TEST(BackgroundTest, TheDaemonGoesOnAfterwards) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const absl::Status status = RunInBackground([&](const ReportReady& ready) -> absl::Status {
    ready();
    Exit(::write(ends[1], "on", 2) == 2 && ::getsid(0) == ::getpid() ? 0 : 1);
  });
  EXPECT_TRUE(status.ok()) << status;
  char text[2];
  EXPECT_EQ(::read(ends[0], text, sizeof(text)), 2);
  int result = 0;
  ASSERT_GT(::wait(&result), 0);
  EXPECT_EQ(result, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(BackgroundTest, AnEarlyDeathIsReported) {
  const absl::Status status = RunInBackground([](const ReportReady&) -> absl::Status {
    ::kill(::getpid(), SIGKILL);
    Exit(0);
  });
  EXPECT_THAT(MessageOf(status), HasSubstr("signal 9"));
}

TEST(BackgroundTest, AnEarlyEndIsReported) {
  const absl::Status status = RunInBackground([](const ReportReady&) -> absl::Status { Exit(0); });
  EXPECT_THAT(MessageOf(status), HasSubstr("without a word"));
  static_cast<void>(::wait(nullptr));
}

}  // namespace
}  // namespace weft::cli
