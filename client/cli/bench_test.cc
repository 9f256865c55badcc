#include "client/cli/bench.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "client/cli/bench_measure.h"
#include "common/status.h"

namespace weft::cli {
namespace {

using std::chrono::nanoseconds;

class BenchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-cli-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    options_.directory = pattern;
    options_.jobs = 2;
    options_.file_bytes = 1 << 20;
    options_.block_bytes = 64 << 10;
    options_.random_operations = 50;
    options_.files = 20;
    options_.small_file_bytes = 1000;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Run() {
    std::ostringstream out;
    const absl::Status status = RunBench(options_, out);
    EXPECT_TRUE(status.ok()) << status;
    return out.str();
  }

  absl::Status Error() {
    std::ostringstream out;
    const absl::Status status = RunBench(options_, out);
    EXPECT_EQ(out.str(), "");
    return status;
  }

  std::filesystem::path directory_;
  BenchOptions options_;
};

TEST_F(BenchTest, EveryWorkloadCountsWhatItDidAndLeavesNothing) {
  options_.json = true;
  const nlohmann::json report = nlohmann::json::parse(Run());
  EXPECT_EQ(report["jobs"], 2);
  std::map<std::string, std::pair<uint64_t, uint64_t>> phases;  // operations, bytes
  for (const auto& r : report["results"]) {
    phases[r["workload"].get<std::string>() + " " + r["phase"].get<std::string>()] = {
        r["operations"], r["bytes"]};
    EXPECT_GT(r["operations_per_second"].get<double>(), 0);
    EXPECT_GE(r["p99_latency_us"].get<double>(), 0);
  }
  const std::map<std::string, std::pair<uint64_t, uint64_t>> expected = {
      {"sequential write", {32, 2 << 20}},  {"sequential read", {32, 2 << 20}},
      {"random read", {100, 100 * 4096}},   {"random write", {100, 100 * 4096}},
      {"small-files create", {40, 40'000}}, {"small-files read", {40, 40'000}},
      {"metadata create", {40, 0}},         {"metadata stat", {40, 0}},
      {"metadata list", {40, 0}},           {"metadata rename", {40, 0}},
      {"metadata unlink", {40, 0}}};
  EXPECT_EQ(phases, expected);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(BenchTest, TheTableHasALineForEachPhase) {
  options_.workloads = {BenchWorkload::kSequential, BenchWorkload::kMetadata};
  const std::string table = Run();
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 2 + 5) << table;
  EXPECT_NE(table.find("sequential   write"), std::string::npos) << table;
  EXPECT_NE(table.find("MiB/s"), std::string::npos) << table;
  EXPECT_EQ(table.find("small-files"), std::string::npos) << table;
}

TEST_F(BenchTest, BadOptionsAreNamed) {
  const BenchOptions good = options_;
  const auto expect = [&](const std::string& text) {
    const absl::Status status = Error();
    EXPECT_EQ(ErrnoOf(status), EINVAL);
    EXPECT_NE(MessageOf(status).find(text), std::string::npos) << status;
    options_ = good;
  };
  options_.jobs = 0;
  expect("jobs");
  options_.jobs = kMaxBenchJobs + 1;
  expect("jobs");
  options_.block_bytes = 5000;
  expect("block size");
  options_.file_bytes = 4096;
  expect("file size");
  options_.files = 0;
  expect("files");
  options_.random_operations = 0;
  expect("random operations");
  options_.directory = "";
  expect("directory");
}

TEST_F(BenchTest, AMissingDirectoryIsNamed) {
  options_.directory = directory_ / "none";
  const absl::Status status = Error();
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_NE(MessageOf(status).find(options_.directory), std::string::npos) << status;
}

TEST(RunPhase, TheFirstErrorEndsAllJobs) {
  const auto result = RunPhase("w", "p", 4, [](uint32_t number, JobMeter& meter) -> absl::Status {
    // Without the error of job 2 the others would never end.
    while (true) {
      WEFT_RETURN_IF_ERROR(meter.Time(
          1, [&] { return number == 2 ? PosixError(ENOSPC, "full") : absl::OkStatus(); }));
    }
  });
  EXPECT_EQ(ErrnoOf(result.status()), ENOSPC);
}

TEST(LatencyHistogram, PercentilesAreCloseAndNeverTooSmall) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.PercentileMicros(0.99), 0);
  for (int i = 1; i <= 10'000; ++i) histogram.Add(nanoseconds(i * 1000));
  EXPECT_NEAR(histogram.MeanMicros(), 5000.5, 0.1);
  for (const double part : {0.01, 0.5, 0.99, 1.0}) {
    const double exact = part * 10'000;
    EXPECT_GE(histogram.PercentileMicros(part), exact);
    EXPECT_LE(histogram.PercentileMicros(part), exact * 1.02);
  }
}

TEST(LatencyHistogram, TakesAnyLatency) {
  LatencyHistogram histogram;
  for (const int64_t ns : {int64_t{-5}, int64_t{0}, int64_t{63}, int64_t{64}, int64_t{127},
                           int64_t{128}, std::numeric_limits<int64_t>::max()}) {
    histogram.Add(nanoseconds(ns));
  }
  EXPECT_EQ(histogram.count(), 7u);
  EXPECT_GT(histogram.PercentileMicros(1.0), 9e15);
  LatencyHistogram merged;
  merged.Merge(histogram);
  merged.Merge(histogram);
  EXPECT_EQ(merged.count(), 14u);
}

}  // namespace
}  // namespace weft::cli
