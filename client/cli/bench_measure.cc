#include "client/cli/bench_measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <latch>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"

namespace weft::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

// The first error of several threads.
class FirstError {
 public:
  void Note(const absl::Status& status) {
    if (status.ok()) return;
    MutexLock lock(&mutex_);
    if (first_.ok()) first_ = status;
    happened_ = true;
  }
  [[nodiscard]] const std::atomic<bool>* happened() const { return &happened_; }
  [[nodiscard]] absl::Status Get() {
    MutexLock lock(&mutex_);
    return first_;
  }

 private:
  Mutex mutex_;
  absl::Status first_ WEFT_GUARDED_BY(mutex_);
  std::atomic<bool> happened_ = false;
};

}  // namespace

// Below kSlots each value has a bucket of its own; above, each power of two has kSlots of them.
size_t LatencyHistogram::BucketOf(uint64_t ns) {
  if (ns < kSlots) return ns;
  const auto shift = static_cast<uint32_t>(std::bit_width(ns)) - 1 - kSlotsLog2;
  return (size_t{shift} << kSlotsLog2) + (ns >> shift);
}

uint64_t LatencyHistogram::LargestOf(size_t bucket) {
  if (bucket < 2 * kSlots) return bucket;
  const size_t shift = (bucket >> kSlotsLog2) - 1;
  const uint64_t slot = bucket - (shift << kSlotsLog2);
  return ((slot + 1) << shift) - 1;
}

void LatencyHistogram::Add(std::chrono::nanoseconds latency) {
  const auto ns = static_cast<uint64_t>(std::max<int64_t>(latency.count(), 0));
  ++buckets_[BucketOf(ns)];
  ++count_;
  total_ns_ += ns;
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  total_ns_ += other.total_ns_;
}

double LatencyHistogram::MeanMicros() const {
  return count_ == 0 ? 0 : static_cast<double>(total_ns_) / static_cast<double>(count_) / 1e3;
}

double LatencyHistogram::PercentileMicros(double part) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(part * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen > 0 && seen >= wanted) return static_cast<double>(LargestOf(i)) / 1e3;
  }
  return 0;
}

absl::Status JobMeter::Time(uint64_t bytes, absl::FunctionRef<absl::Status()> operation) {
  if (stop_->load(std::memory_order_relaxed)) return PosixError(ECANCELED, "another job failed");
  const SteadyClock::time_point start = SteadyClock::now();
  WEFT_RETURN_IF_ERROR(operation());
  latencies_.Add(SteadyClock::now() - start);
  bytes_ += bytes;
  return absl::OkStatus();
}

absl::StatusOr<PhaseResult> RunPhase(
    std::string workload, std::string phase, uint32_t jobs,
    absl::FunctionRef<absl::Status(uint32_t number, JobMeter& meter)> job) {
  FirstError error;
  std::vector<JobMeter> meters(jobs, JobMeter(error.happened()));
  std::latch ready(jobs + 1);
  std::vector<std::thread> threads;
  threads.reserve(jobs);
  for (uint32_t number = 0; number < jobs; ++number) {
    threads.emplace_back([&, number] {
      ready.arrive_and_wait();
      error.Note(job(number, meters[number]));
    });
  }
  const double cpu_before = CpuSeconds();
  const SteadyClock::time_point start = SteadyClock::now();
  ready.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = SteadyClock::now() - start;
  WEFT_RETURN_IF_ERROR(error.Get());

  PhaseResult result;
  result.workload = std::move(workload);
  result.phase = std::move(phase);
  result.jobs = jobs;
  result.seconds = took.count();
  result.cpu_seconds = CpuSeconds() - cpu_before;
  LatencyHistogram latencies;
  for (const JobMeter& meter : meters) {
    latencies.Merge(meter.latencies());
    result.bytes += meter.bytes();
  }
  result.operations = latencies.count();
  result.mean_micros = latencies.MeanMicros();
  result.p99_micros = latencies.PercentileMicros(0.99);
  return result;
}

}  // namespace weft::cli
