// weft bench: measures a directory.
#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/bench.h"
#include "client/cli/commands.h"
#include "client/cli/output.h"

namespace weft::cli {
namespace {

struct BenchArguments {
  BenchOptions options;
  std::vector<std::string> workloads;
};

absl::Status RunWorkloads(const BenchArguments& arguments, std::ostream& out) {
  BenchOptions options = arguments.options;
  for (const std::string& name : arguments.workloads) {
    const auto* const found =
        std::find_if(std::begin(kAllBenchWorkloads), std::end(kAllBenchWorkloads),
                     [&](BenchWorkload workload) { return name == BenchWorkloadName(workload); });
    if (found == std::end(kAllBenchWorkloads)) {
      return UsageError("no workload is named \"" + name +
                        "\": there are sequential, random, small-files and metadata");
    }
    options.workloads.push_back(*found);
  }
  return RunBench(options, out);
}

}  // namespace

void AddBenchCommand(CommandTree& tree) {
  auto arguments = std::make_shared<BenchArguments>();
  BenchOptions& options = arguments->options;
  config::Command& command =
      tree.Add(tree.program(), "bench", "Measure a directory, of a mount or of any file system",
               "  weft bench /mnt/weft\n"
               "  weft bench /mnt/weft --workload sequential --jobs 4 --file-size 1GiB\n"
               "  weft bench /mnt/weft --workload random,metadata --json\n",
               [arguments](std::ostream& out) { return RunWorkloads(*arguments, out); });
  command.AddText({.name = "DIRECTORY",
                   .value = "DIRECTORY",
                   .help = "Where to work; everything made is removed at the end",
                   .required = true,
                   .positional = true},
                  &options.directory);
  command.AddList({.name = "workload",
                   .value = "NAME",
                   .help = "sequential, random, small-files or metadata; all where none is named"},
                  &arguments->workloads);
  command.AddNumber({.name = "jobs", .help = "Threads, each with files of its own"},
                    {.min = 1, .max = kMaxBenchJobs}, &options.jobs);
  command.AddSize({.name = "file-size", .help = "Size of each large file"}, {.min = 1},
                  &options.file_bytes);
  command.AddSize({.name = "block-size", .help = "Size of each sequential call"},
                  {.min = kMinBenchBlockBytes, .max = kMaxBenchBlockBytes}, &options.block_bytes);
  command.AddNumber({.name = "random-operations", .help = "Random reads, and writes, of each job"},
                    {.min = 1}, &options.random_operations);
  command.AddNumber({.name = "files", .help = "Small or empty files of each job"}, {.min = 1},
                    &options.files);
  command.AddSize({.name = "small-file-size", .help = "Size of each small file"}, {},
                  &options.small_file_bytes);
  command.AddFlag({.name = "direct", .help = "O_DIRECT for the large files"}, &options.direct);
  AddJsonFlag(command, &options.json);
}

}  // namespace weft::cli
