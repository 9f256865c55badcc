// The workloads of `weft bench`.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "client/cli/bench.h"
#include "client/cli/bench_measure.h"

namespace weft::cli {

// Runs one workload in `directory`, which is there, empty, and for it alone; what it makes there
// stays. One result for each phase, in order.
[[nodiscard]] absl::StatusOr<std::vector<PhaseResult>> RunWorkload(BenchWorkload workload,
                                                                   const BenchOptions& options,
                                                                   const std::string& directory);

}  // namespace weft::cli
