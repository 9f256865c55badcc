// Timing for `weft bench`: many threads that do operations, and what came of it.
//
// RunPhase is for one thread at a time; a JobMeter belongs to the thread of its job.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace weft::cli {

// Counts latencies in buckets that grow with them: memory is bounded, and a percentile is at most
// 1/kSlots too large.
class LatencyHistogram {
 public:
  void Add(std::chrono::nanoseconds latency);
  void Merge(const LatencyHistogram& other);
  [[nodiscard]] uint64_t count() const { return count_; }
  // 0 where nothing was added.
  [[nodiscard]] double MeanMicros() const;
  // The latency that this part of all (0 to 1) stayed within.
  [[nodiscard]] double PercentileMicros(double part) const;

 private:
  static constexpr uint32_t kSlotsLog2 = 6;
  static constexpr uint32_t kSlots = 1u << kSlotsLog2;  // in each power of two
  static constexpr size_t kBuckets = (64 - kSlotsLog2 + 1) * kSlots;

  static size_t BucketOf(uint64_t ns);
  static uint64_t LargestOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t total_ns_ = 0;
};

// What one phase of a workload came to.
struct PhaseResult {
  std::string workload;
  std::string phase;
  uint32_t jobs = 0;
  uint64_t operations = 0;
  uint64_t bytes = 0;
  double seconds = 0;      // from the common start to the end of the last job
  double mean_micros = 0;  // of one operation
  double p99_micros = 0;
  double cpu_seconds = 0;  // of this process, user and system
};

// Times the operations of one job.
class JobMeter {
 public:
  explicit JobMeter(const std::atomic<bool>* stop) : stop_(stop) {}

  // Does `operation`, counts it with its bytes, and returns its error. ECANCELED, without doing it,
  // once another job has failed.
  absl::Status Time(uint64_t bytes, absl::FunctionRef<absl::Status()> operation);

  [[nodiscard]] const LatencyHistogram& latencies() const { return latencies_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  const std::atomic<bool>* const stop_;
  LatencyHistogram latencies_;
  uint64_t bytes_ = 0;
};

// Runs `job` once for each number below `jobs`, each on a thread of its own, all started together.
// The first error ends the others and is returned.
[[nodiscard]] absl::StatusOr<PhaseResult> RunPhase(
    std::string workload, std::string phase, uint32_t jobs,
    absl::FunctionRef<absl::Status(uint32_t number, JobMeter& meter)> job);

}  // namespace weft::cli
