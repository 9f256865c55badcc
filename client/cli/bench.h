// `weft bench`: measures a directory of any file system with plain POSIX calls.
//
// Each workload has phases (write, read, ...); in each, all jobs start together, each on files of
// its own, and every operation is timed. Everything is made in a new directory below the given one
// and removed at the end, also after an error.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace weft::cli {

enum class BenchWorkload {
  kSequential,  // one large file a job: written, synced, then read, in blocks
  kRandom,      // the same file: 4 KiB reads and writes at random blocks
  kSmallFiles,  // many small files: created with content and closed, then opened and read
  kMetadata,    // many empty files: created, stat'ed, listed, renamed, unlinked
};

inline constexpr BenchWorkload kAllBenchWorkloads[] = {
    BenchWorkload::kSequential, BenchWorkload::kRandom, BenchWorkload::kSmallFiles,
    BenchWorkload::kMetadata};

inline constexpr uint32_t kMaxBenchJobs = 256;
inline constexpr uint32_t kBenchRandomBytes = 4096;
inline constexpr uint32_t kMinBenchBlockBytes = 4096;
inline constexpr uint32_t kMaxBenchBlockBytes = 64u << 20;

struct BenchOptions {
  std::string directory;
  std::vector<BenchWorkload> workloads;  // empty: all
  uint32_t jobs = 1;                     // threads, 1 to kMaxBenchJobs
  uint64_t file_bytes = 256u << 20;      // of each large file, rounded down to whole blocks
  uint64_t block_bytes = 1u << 20;       // of sequential calls; a multiple of 4096
  uint64_t random_operations = 10'000;   // of each kind, each job
  uint64_t files = 1'000;                // small or empty ones, each job
  uint64_t small_file_bytes = 4096;      // of each small file
  bool direct = false;                   // O_DIRECT for the large files
  bool json = false;                     // an object for programs instead of a table
};

// The name that people give a workload ("sequential", "random", "small-files", "metadata").
[[nodiscard]] const char* BenchWorkloadName(BenchWorkload workload);

// Runs the workloads and prints their figures to `out`: per phase operations, op/s, MiB/s, mean and
// 99th percentile latency in µs, and CPU of this process. EINVAL names the option that does not
// fit; other errors name the call and the path.
[[nodiscard]] absl::Status RunBench(const BenchOptions& options, std::ostream& out);

}  // namespace weft::cli
