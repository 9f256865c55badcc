// POSIX calls for `weft bench`: whole transfers, and errors that name the call and the path.
//
// Thread-safe: pure functions, and BenchBuffer belongs to one thread.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "common/unique_fd.h"

namespace weft::cli {

// Memory that O_DIRECT takes, filled with bytes that do not compress.
class BenchBuffer {
 public:
  BenchBuffer(size_t bytes, uint64_t seed);
  [[nodiscard]] std::span<std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<std::byte, decltype(&std::free)> memory_;
};

[[nodiscard]] absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags);
// All of `bytes`, at the offset.
[[nodiscard]] absl::Status WriteAt(int fd, const std::string& path,
                                   std::span<const std::byte> bytes, uint64_t offset_bytes);
// Fills `bytes`; a file that ends before is an error.
[[nodiscard]] absl::Status ReadAt(int fd, const std::string& path, std::span<std::byte> bytes,
                                  uint64_t offset_bytes);
[[nodiscard]] absl::Status SyncFile(int fd, const std::string& path);
// close(2) with its error: file systems report delayed failures here.
[[nodiscard]] absl::Status CloseFile(UniqueFd fd, const std::string& path);
[[nodiscard]] absl::Status MakeDirectory(const std::string& path);

}  // namespace weft::cli
