#include "client/cli/bench.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "client/cli/bench_files.h"
#include "client/cli/bench_measure.h"
#include "client/cli/bench_workloads.h"
#include "common/status.h"

namespace weft::cli {
namespace {

absl::Status CheckOptions(const BenchOptions& options) {
  const auto bad = [](std::string_view text) { return PosixError(EINVAL, text); };
  if (options.directory.empty()) return bad("no directory is given");
  if (options.jobs == 0 || options.jobs > kMaxBenchJobs) {
    return bad(absl::StrCat("jobs: ", options.jobs, " is not from 1 to ", kMaxBenchJobs));
  }
  if (options.block_bytes < kMinBenchBlockBytes || options.block_bytes > kMaxBenchBlockBytes ||
      options.block_bytes % kMinBenchBlockBytes != 0) {
    return bad(absl::StrCat("block size: ", options.block_bytes, " bytes is not a multiple of ",
                            kMinBenchBlockBytes, " up to ", kMaxBenchBlockBytes));
  }
  if (options.file_bytes < options.block_bytes) {
    return bad(absl::StrCat("file size: ", options.file_bytes, " bytes is less than one block of ",
                            options.block_bytes));
  }
  if (options.files == 0) return bad("files: there must be at least one");
  if (options.random_operations == 0) return bad("random operations: there must be at least one");
  if (options.small_file_bytes > kMaxBenchBlockBytes) {
    return bad(absl::StrCat("small file size: ", options.small_file_bytes, " bytes is over ",
                            kMaxBenchBlockBytes));
  }
  return absl::OkStatus();
}

// A new directory below the given one; it goes with all that is in it.
class Scratch {
 public:
  static absl::StatusOr<Scratch> Make(const std::string& parent) {
    std::string path = parent + "/weft-bench-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return LastError("make a directory in " + parent);
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Scratch& operator=(Scratch&&) = delete;
  // Where Remove has failed or was not called.
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  absl::Status Remove() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    if (error) return PosixError(error.value(), "remove " + path_ + ": " + error.message());
    path_.clear();
    return absl::OkStatus();
  }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

double PerSecond(double amount, const PhaseResult& result) {
  return result.seconds > 0 ? amount / result.seconds : 0;
}

double MebibytesPerSecond(const PhaseResult& result) {
  return PerSecond(static_cast<double>(result.bytes) / (1 << 20), result);
}

void PrintTable(const std::vector<PhaseResult>& results, std::ostream& out) {
  out << absl::StrFormat("%-12s %-7s %5s %9s %11s %10s %11s %11s %8s\n", "workload", "phase",
                         "jobs", "ops", "op/s", "MiB/s", "mean us", "p99 us", "CPU s");
  for (const PhaseResult& r : results) {
    const std::string rate = r.bytes == 0 ? "-" : absl::StrFormat("%.1f", MebibytesPerSecond(r));
    out << absl::StrFormat("%-12s %-7s %5d %9d %11.1f %10s %11.1f %11.1f %8.2f\n", r.workload,
                           r.phase, r.jobs, r.operations,
                           PerSecond(static_cast<double>(r.operations), r), rate, r.mean_micros,
                           r.p99_micros, r.cpu_seconds);
  }
}

void PrintJson(const BenchOptions& options, const std::vector<PhaseResult>& results,
               std::ostream& out) {
  nlohmann::json phases = nlohmann::json::array();
  for (const PhaseResult& r : results) {
    phases.push_back({{"workload", r.workload},
                      {"phase", r.phase},
                      {"jobs", r.jobs},
                      {"operations", r.operations},
                      {"bytes", r.bytes},
                      {"seconds", r.seconds},
                      {"operations_per_second", PerSecond(static_cast<double>(r.operations), r)},
                      {"mebibytes_per_second", MebibytesPerSecond(r)},
                      {"mean_latency_us", r.mean_micros},
                      {"p99_latency_us", r.p99_micros},
                      {"cpu_seconds", r.cpu_seconds}});
  }
  const nlohmann::json report = {
      {"directory", options.directory},   {"jobs", options.jobs},
      {"file_bytes", options.file_bytes}, {"block_bytes", options.block_bytes},
      {"files", options.files},           {"small_file_bytes", options.small_file_bytes},
      {"direct", options.direct},         {"results", std::move(phases)}};
  out << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

}  // namespace

const char* BenchWorkloadName(BenchWorkload workload) {
  switch (workload) {
    case BenchWorkload::kSequential:
      return "sequential";
    case BenchWorkload::kRandom:
      return "random";
    case BenchWorkload::kSmallFiles:
      return "small-files";
    case BenchWorkload::kMetadata:
      return "metadata";
  }
  return "";
}

absl::Status RunBench(const BenchOptions& options, std::ostream& out) {
  WEFT_RETURN_IF_ERROR(CheckOptions(options));
  std::vector<BenchWorkload> workloads = options.workloads;
  if (workloads.empty())
    workloads.assign(std::begin(kAllBenchWorkloads), std::end(kAllBenchWorkloads));

  WEFT_ASSIGN_OR_RETURN(Scratch scratch, Scratch::Make(options.directory));
  std::vector<PhaseResult> results;
  for (size_t i = 0; i < workloads.size(); ++i) {
    const std::string directory = scratch.path() + "/" + std::to_string(i);
    WEFT_RETURN_IF_ERROR(MakeDirectory(directory));
    WEFT_ASSIGN_OR_RETURN(std::vector<PhaseResult> phases,
                          RunWorkload(workloads[i], options, directory));
    for (PhaseResult& phase : phases) results.push_back(std::move(phase));
  }
  WEFT_RETURN_IF_ERROR(scratch.Remove());
  if (options.json) {
    PrintJson(options, results, out);
  } else {
    PrintTable(results, out);
  }
  return absl::OkStatus();
}

}  // namespace weft::cli
