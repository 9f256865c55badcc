# `weft bench`: plain POSIX calls on a directory; needs nothing of the rest of WeftFS.
weft_library(weft_cli_bench
  SOURCES bench.cc bench_files.cc bench_measure.cc bench_workloads.cc
  DEPS weft_common nlohmann_json::nlohmann_json)
weft_test(bench_test
  SOURCES bench_test.cc
  DEPS weft_cli_bench)
