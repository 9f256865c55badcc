#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/status.h"
#include "common/unique_fd.h"
#include "storage-server/chunks/disk.h"

namespace weft::storage {
namespace {

constexpr mode_t kFileMode = 0600;

// Two descriptors of one file: `direct_` for the store's own reads and writes, `cached_` for
// sendfile. Everything is written through `direct_`, small writes too: a file whose pages are
// dirtied by some writes while others go around the cache makes the kernel fail an fsync with EIO
// where both meet in one large folio.
class PosixFile final : public File {
 public:
  PosixFile(std::string path, UniqueFd direct, UniqueFd cached)
      : path_(std::move(path)), direct_(std::move(direct)), cached_(std::move(cached)) {}

  absl::Status Write(uint64_t offset_bytes, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n =
          ::pwrite(direct_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return LastError("write " + path_);
      if (n == 0) return PosixError(EIO, "write " + path_ + ": nothing was written");
      offset_bytes += static_cast<uint64_t>(n);
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t offset_bytes, std::span<std::byte> bytes) const override {
    while (!bytes.empty()) {
      const ssize_t n =
          ::pread(direct_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return LastError("read " + path_);
      if (n == 0) return PosixError(EIO, "read " + path_ + ": beyond its end");
      offset_bytes += static_cast<uint64_t>(n);
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (::fdatasync(direct_.get()) != 0) return LastError("fdatasync " + path_);
    return absl::OkStatus();
  }

  absl::Status Preallocate(uint64_t size_bytes) override {
    const auto size = static_cast<off_t>(size_bytes);
    int result = 0;
    do {
      result = ::fallocate(direct_.get(), 0, 0, size);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EOPNOTSUPP) result = ::ftruncate(direct_.get(), size);
    if (result != 0) return LastError("preallocate " + path_);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() const override {
    struct stat stat {};
    if (::fstat(direct_.get(), &stat) != 0) return LastError("stat " + path_);
    return static_cast<uint64_t>(stat.st_size);
  }

  int descriptor() const override { return cached_.get(); }

 private:
  const std::string path_;
  const UniqueFd direct_;
  const UniqueFd cached_;
};

class PosixDisk final : public Disk {
 public:
  PosixDisk(std::string directory, UniqueFd fd)
      : directory_(std::move(directory)), fd_(std::move(fd)) {}

  absl::StatusOr<std::unique_ptr<File>> Create(std::string_view name) override {
    return OpenWith(name, O_CREAT | O_EXCL);
  }
  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view name) override {
    return OpenWith(name, 0);
  }

  absl::Status Remove(std::string_view name) override {
    if (::unlinkat(fd_.get(), std::string(name).c_str(), 0) != 0) {
      return LastError("remove " + PathOf(name));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List() const override {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory_.c_str()), ::closedir);
    if (dir == nullptr) return LastError("list " + directory_);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0) return LastError("list " + directory_);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status SyncDirectory() override {
    if (::fsync(fd_.get()) != 0) return LastError("fsync " + directory_);
    return absl::OkStatus();
  }

  absl::StatusOr<Usage> GetUsage() const override {
    struct statvfs stat {};
    if (::fstatvfs(fd_.get(), &stat) != 0) return LastError("statvfs " + directory_);
    return Usage{.total_bytes = uint64_t{stat.f_blocks} * stat.f_frsize,
                 .free_bytes = uint64_t{stat.f_bavail} * stat.f_frsize};
  }

 private:
  std::string PathOf(std::string_view name) const { return directory_ + "/" + std::string(name); }

  absl::StatusOr<std::unique_ptr<File>> OpenWith(std::string_view name, int flags) {
    const std::string file(name);
    UniqueFd cached(::openat(fd_.get(), file.c_str(), O_RDWR | O_CLOEXEC | flags, kFileMode));
    if (!cached.is_open()) return LastError("open " + PathOf(name));
    UniqueFd direct(::openat(fd_.get(), file.c_str(), O_RDWR | O_CLOEXEC | O_DIRECT));
    if (!direct.is_open() && errno == EINVAL) {  // no O_DIRECT on this file system
      direct.Reset(::openat(fd_.get(), file.c_str(), O_RDWR | O_CLOEXEC));
    }
    if (!direct.is_open()) return LastError("open " + PathOf(name));
    return std::make_unique<PosixFile>(PathOf(name), std::move(direct), std::move(cached));
  }

  const std::string directory_;
  const UniqueFd fd_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Disk>> OpenPosixDisk(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return LastError("open " + directory);
  return std::make_unique<PosixDisk>(directory, std::move(fd));
}

}  // namespace weft::storage
