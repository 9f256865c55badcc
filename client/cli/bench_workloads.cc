#include "client/cli/bench_workloads.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <utility>

#include "client/cli/bench_files.h"
#include "common/status.h"

namespace weft::cli {
namespace {

using JobFunction = absl::FunctionRef<absl::Status(uint32_t number, JobMeter& meter)>;

// The next entry but "." and ".."; null at the end.
absl::StatusOr<const dirent*> NextEntry(DIR* directory, const std::string& path) {
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(directory);
    if (entry == nullptr && errno != 0) return LastError("readdir " + path);
    const bool is_dot = entry != nullptr && (std::strcmp(entry->d_name, ".") == 0 ||
                                             std::strcmp(entry->d_name, "..") == 0);
    if (!is_dot) return entry;
  }
}

// One workload in its directory, and the results of its phases so far.
class Workload {
 public:
  Workload(BenchWorkload workload, const BenchOptions& options, std::string directory)
      : name_(BenchWorkloadName(workload)), options_(options), directory_(std::move(directory)) {}

  absl::Status Sequential();
  absl::Status Random();
  absl::Status SmallFiles();
  absl::Status Metadata();

  [[nodiscard]] std::vector<PhaseResult> TakeResults() { return std::move(results_); }

 private:
  absl::Status Phase(const char* phase, JobFunction job) {
    WEFT_ASSIGN_OR_RETURN(PhaseResult result, RunPhase(name_, phase, options_.jobs, job));
    results_.push_back(std::move(result));
    return absl::OkStatus();
  }

  [[nodiscard]] std::string JobPath(uint32_t job) const {
    return directory_ + "/job" + std::to_string(job);
  }
  [[nodiscard]] std::string FilePath(uint32_t job, const char* prefix, uint64_t number) const {
    return JobPath(job) + "/" + prefix + std::to_string(number);
  }
  [[nodiscard]] int DirectFlag() const { return options_.direct ? O_DIRECT : 0; }

  absl::Status MakeJobDirectories() const;
  absl::Status WriteLargeFile(uint32_t job, JobMeter& meter) const;
  absl::Status ReadLargeFile(uint32_t job, JobMeter& meter) const;
  enum class Access { kRead, kWrite };
  absl::Status AccessAtRandom(Access access, uint32_t job, JobMeter& meter) const;
  absl::Status CreateSmallFiles(uint32_t job, JobMeter& meter) const;
  absl::Status ReadSmallFiles(uint32_t job, JobMeter& meter) const;
  absl::Status ListDirectory(uint32_t job, JobMeter& meter) const;
  // One operation for each of the job's files.
  absl::Status ForEachFile(JobMeter& meter,
                           absl::FunctionRef<absl::Status(uint64_t number)> operation) const;

  const std::string name_;
  const BenchOptions& options_;
  const std::string directory_;
  std::vector<PhaseResult> results_;
};

absl::Status Workload::MakeJobDirectories() const {
  for (uint32_t job = 0; job < options_.jobs; ++job) {
    WEFT_RETURN_IF_ERROR(MakeDirectory(JobPath(job)));
  }
  return absl::OkStatus();
}

absl::Status Workload::WriteLargeFile(uint32_t job, JobMeter& meter) const {
  const std::string path = JobPath(job);
  const BenchBuffer block(options_.block_bytes, job);
  WEFT_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | DirectFlag()));
  for (uint64_t offset = 0; offset + options_.block_bytes <= options_.file_bytes;
       offset += options_.block_bytes) {
    WEFT_RETURN_IF_ERROR(meter.Time(
        options_.block_bytes, [&] { return WriteAt(fd.get(), path, block.bytes(), offset); }));
  }
  // In the time of the phase, but not an operation: its latency would say nothing of the others'.
  WEFT_RETURN_IF_ERROR(SyncFile(fd.get(), path));
  return CloseFile(std::move(fd), path);
}

absl::Status Workload::ReadLargeFile(uint32_t job, JobMeter& meter) const {
  const std::string path = JobPath(job);
  const BenchBuffer block(options_.block_bytes, job);
  WEFT_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | DirectFlag()));
  // Advice: where the kernel takes it, this is not a test of its page cache.
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  for (uint64_t offset = 0; offset + options_.block_bytes <= options_.file_bytes;
       offset += options_.block_bytes) {
    WEFT_RETURN_IF_ERROR(meter.Time(options_.block_bytes,
                                    [&] { return ReadAt(fd.get(), path, block.bytes(), offset); }));
  }
  return absl::OkStatus();
}

absl::Status Workload::Sequential() {
  WEFT_RETURN_IF_ERROR(
      Phase("write", [this](uint32_t job, JobMeter& meter) { return WriteLargeFile(job, meter); }));
  return Phase("read", [this](uint32_t job, JobMeter& meter) { return ReadLargeFile(job, meter); });
}

absl::Status Workload::AccessAtRandom(Access access, uint32_t job, JobMeter& meter) const {
  const std::string path = JobPath(job);
  const BenchBuffer block(kBenchRandomBytes, job);
  const uint64_t blocks =
      options_.file_bytes / options_.block_bytes * (options_.block_bytes / kBenchRandomBytes);
  WEFT_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR | DirectFlag()));
  if (access == Access::kRead) ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  std::mt19937_64 random(job);
  for (uint64_t i = 0; i < options_.random_operations; ++i) {
    const uint64_t offset = random() % blocks * kBenchRandomBytes;
    WEFT_RETURN_IF_ERROR(meter.Time(kBenchRandomBytes, [&] {
      return access == Access::kRead ? ReadAt(fd.get(), path, block.bytes(), offset)
                                     : WriteAt(fd.get(), path, block.bytes(), offset);
    }));
  }
  if (access == Access::kWrite) WEFT_RETURN_IF_ERROR(SyncFile(fd.get(), path));
  return CloseFile(std::move(fd), path);
}

absl::Status Workload::Random() {
  // The files are made first, unreported.
  WEFT_RETURN_IF_ERROR(
      RunPhase(name_, "prepare", options_.jobs, [this](uint32_t job, JobMeter& meter) {
        return WriteLargeFile(job, meter);
      }).status());
  WEFT_RETURN_IF_ERROR(Phase("read", [this](uint32_t job, JobMeter& meter) {
    return AccessAtRandom(Access::kRead, job, meter);
  }));
  return Phase("write", [this](uint32_t job, JobMeter& meter) {
    return AccessAtRandom(Access::kWrite, job, meter);
  });
}

absl::Status Workload::CreateSmallFiles(uint32_t job, JobMeter& meter) const {
  const BenchBuffer content(options_.small_file_bytes, job);
  for (uint64_t i = 0; i < options_.files; ++i) {
    const std::string path = FilePath(job, "f", i);
    WEFT_RETURN_IF_ERROR(meter.Time(options_.small_file_bytes, [&]() -> absl::Status {
      WEFT_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL));
      WEFT_RETURN_IF_ERROR(WriteAt(fd.get(), path, content.bytes(), 0));
      return CloseFile(std::move(fd), path);
    }));
  }
  return absl::OkStatus();
}

absl::Status Workload::ReadSmallFiles(uint32_t job, JobMeter& meter) const {
  const BenchBuffer content(options_.small_file_bytes, job);
  for (uint64_t i = 0; i < options_.files; ++i) {
    const std::string path = FilePath(job, "f", i);
    WEFT_RETURN_IF_ERROR(meter.Time(options_.small_file_bytes, [&]() -> absl::Status {
      WEFT_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
      return ReadAt(fd.get(), path, content.bytes(), 0);
    }));
  }
  return absl::OkStatus();
}

absl::Status Workload::SmallFiles() {
  WEFT_RETURN_IF_ERROR(MakeJobDirectories());
  WEFT_RETURN_IF_ERROR(Phase(
      "create", [this](uint32_t job, JobMeter& meter) { return CreateSmallFiles(job, meter); }));
  return Phase("read",
               [this](uint32_t job, JobMeter& meter) { return ReadSmallFiles(job, meter); });
}

absl::Status Workload::ForEachFile(
    JobMeter& meter, absl::FunctionRef<absl::Status(uint64_t number)> operation) const {
  for (uint64_t i = 0; i < options_.files; ++i) {
    WEFT_RETURN_IF_ERROR(meter.Time(0, [&] { return operation(i); }));
  }
  return absl::OkStatus();
}

// One operation is one entry with its attributes, as `ls -l` reads them.
absl::Status Workload::ListDirectory(uint32_t job, JobMeter& meter) const {
  const std::string path = JobPath(job);
  const std::unique_ptr<DIR, decltype(&::closedir)> directory(::opendir(path.c_str()), &::closedir);
  if (directory == nullptr) return LastError("opendir " + path);
  WEFT_RETURN_IF_ERROR(ForEachFile(meter, [&](uint64_t i) -> absl::Status {
    WEFT_ASSIGN_OR_RETURN(const dirent* const entry, NextEntry(directory.get(), path));
    if (entry == nullptr) {
      return PosixError(EIO, "readdir " + path + ": lists " + std::to_string(i) + " of " +
                                 std::to_string(options_.files) + " files");
    }
    struct stat attributes {};
    return ::fstatat(::dirfd(directory.get()), entry->d_name, &attributes, AT_SYMLINK_NOFOLLOW) == 0
               ? absl::OkStatus()
               : LastError("stat " + path + "/" + entry->d_name);
  }));
  WEFT_ASSIGN_OR_RETURN(const dirent* const extra, NextEntry(directory.get(), path));
  if (extra == nullptr) return absl::OkStatus();
  return PosixError(EIO, "readdir " + path + ": lists " + extra->d_name + " besides the files");
}

absl::Status Workload::Metadata() {
  WEFT_RETURN_IF_ERROR(MakeJobDirectories());
  WEFT_RETURN_IF_ERROR(Phase("create", [this](uint32_t job, JobMeter& meter) {
    return ForEachFile(meter, [&](uint64_t i) -> absl::Status {
      const std::string path = FilePath(job, "f", i);
      WEFT_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL));
      return CloseFile(std::move(fd), path);
    });
  }));
  WEFT_RETURN_IF_ERROR(Phase("stat", [this](uint32_t job, JobMeter& meter) {
    return ForEachFile(meter, [&](uint64_t i) {
      const std::string path = FilePath(job, "f", i);
      struct stat attributes {};
      return ::lstat(path.c_str(), &attributes) == 0 ? absl::OkStatus() : LastError("stat " + path);
    });
  }));
  WEFT_RETURN_IF_ERROR(
      Phase("list", [this](uint32_t job, JobMeter& meter) { return ListDirectory(job, meter); }));
  WEFT_RETURN_IF_ERROR(Phase("rename", [this](uint32_t job, JobMeter& meter) {
    return ForEachFile(meter, [&](uint64_t i) {
      const std::string path = FilePath(job, "f", i);
      return ::rename(path.c_str(), FilePath(job, "g", i).c_str()) == 0
                 ? absl::OkStatus()
                 : LastError("rename " + path);
    });
  }));
  return Phase("unlink", [this](uint32_t job, JobMeter& meter) {
    return ForEachFile(meter, [&](uint64_t i) {
      const std::string path = FilePath(job, "g", i);
      return ::unlink(path.c_str()) == 0 ? absl::OkStatus() : LastError("unlink " + path);
    });
  });
}

}  // namespace

absl::StatusOr<std::vector<PhaseResult>> RunWorkload(BenchWorkload workload,
                                                     const BenchOptions& options,
                                                     const std::string& directory) {
  Workload run(workload, options, directory);
  absl::Status status;
  switch (workload) {
    case BenchWorkload::kSequential:
      status = run.Sequential();
      break;
    case BenchWorkload::kRandom:
      status = run.Random();
      break;
    case BenchWorkload::kSmallFiles:
      status = run.SmallFiles();
      break;
    case BenchWorkload::kMetadata:
      status = run.Metadata();
      break;
  }
  if (!status.ok()) return status;
  return run.TakeResults();
}

}  // namespace weft::cli
