#include "client/cli/bench_files.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <random>

#include "common/limits.h"
#include "common/status.h"

namespace weft::cli {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

std::byte* Allocate(size_t bytes) {
  // aligned_alloc wants whole multiples.
  const size_t whole = (std::max<size_t>(bytes, 1) + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  void* const memory = std::aligned_alloc(kBlockBytes, whole);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

}  // namespace

BenchBuffer::BenchBuffer(size_t bytes, uint64_t seed)
    : size_(bytes), memory_(Allocate(bytes), &std::free) {
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < size_; i += sizeof(uint64_t)) {
    const uint64_t value = random();
    std::memcpy(memory_.get() + i, &value, std::min(sizeof(value), size_ - i));
  }
}

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, kFileMode));
  if (fd.is_open()) return fd;
  const bool direct = (flags & O_DIRECT) != 0;
  if (direct && errno == EINVAL) {
    return PosixError(EINVAL, "open " + path + ": this file system does not take O_DIRECT");
  }
  return LastError("open " + path);
}

absl::Status WriteAt(int fd, const std::string& path, std::span<const std::byte> bytes,
                     uint64_t offset_bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return LastError("write " + path);
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset_bytes += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::Status ReadAt(int fd, const std::string& path, std::span<std::byte> bytes,
                    uint64_t offset_bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return LastError("read " + path);
    if (got == 0) {
      return PosixError(EIO, absl::StrCat("read ", path, ": ends at ", offset_bytes,
                                          ", before what was written to it"));
    }
    bytes = bytes.subspan(static_cast<size_t>(got));
    offset_bytes += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

absl::Status SyncFile(int fd, const std::string& path) {
  return ::fsync(fd) == 0 ? absl::OkStatus() : LastError("fsync " + path);
}

absl::Status CloseFile(UniqueFd fd, const std::string& path) {
  return ::close(fd.Release()) == 0 ? absl::OkStatus() : LastError("close " + path);
}

absl::Status MakeDirectory(const std::string& path) {
  return ::mkdir(path.c_str(), kDirectoryMode) == 0 ? absl::OkStatus() : LastError("mkdir " + path);
}

}  // namespace weft::cli
