#include "storage-server/chunks/testing/fault_disk.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "common/status.h"

namespace weft::storage {
namespace {

constexpr uint32_t kSectorBytes = 512;

// The memory behind a file cannot fail in a way that a test should see.
void MustBe(bool condition) {
  if (!condition) std::abort();
}

void ReadMemory(int fd, uint64_t offset_bytes, std::span<std::byte> bytes) {
  const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
  MustBe(n == static_cast<ssize_t>(bytes.size()));
}
void WriteMemory(int fd, uint64_t offset_bytes, std::span<const std::byte> bytes) {
  const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
  MustBe(n == static_cast<ssize_t>(bytes.size()));
}

absl::Status Dead() { return PosixError(EIO, "the machine is off"); }

absl::Status TakeError(int* error, std::string_view what) {
  const int taken = std::exchange(*error, 0);
  return taken == 0 ? absl::OkStatus() : PosixError(taken, std::string(what) + ": on demand");
}

}  // namespace

class FaultFile final : public File {
 public:
  FaultFile(FaultDisk* disk, uint64_t cycle, std::shared_ptr<FaultDisk::Content> content)
      : disk_(disk), cycle_(cycle), content_(std::move(content)) {}

  absl::Status Write(uint64_t offset_bytes, std::span<const std::byte> bytes) override {
    MustBe(offset_bytes % kBlockBytes == 0 && bytes.size() % kBlockBytes == 0 &&
           reinterpret_cast<uintptr_t>(bytes.data()) % kBlockBytes == 0);
    for (; !bytes.empty(); bytes = bytes.subspan(kBlockBytes), offset_bytes += kBlockBytes) {
      const MutexLock lock(&disk_->mutex_);
      if (!disk_->power_->On(cycle_)) return Dead();
      WEFT_RETURN_IF_ERROR(TakeError(&disk_->next_write_error_, "write"));
      if (offset_bytes + kBlockBytes > content_->size_bytes) {
        return PosixError(EIO, "write: beyond the preallocated size");
      }
      FaultDisk::Block before;
      ReadMemory(descriptor(), offset_bytes, before);
      content_->unsynced[offset_bytes / kBlockBytes].push_back(before);
      WriteMemory(descriptor(), offset_bytes, bytes.first(kBlockBytes));
    }
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t offset_bytes, std::span<std::byte> bytes) const override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    WEFT_RETURN_IF_ERROR(TakeError(&disk_->next_read_error_, "read"));
    if (offset_bytes + bytes.size() > content_->size_bytes) {
      return PosixError(EIO, "read: beyond the end");
    }
    ReadMemory(descriptor(), offset_bytes, bytes);
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    const absl::Status status = TakeError(&disk_->next_sync_error_, "sync");
    if (!status.ok()) content_->doomed = content_->unsynced;
    content_->unsynced.clear();
    return status;
  }

  absl::Status Preallocate(uint64_t size_bytes) override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    MustBe(::ftruncate(descriptor(), static_cast<off_t>(size_bytes)) == 0);
    content_->size_bytes = size_bytes;
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() const override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    return content_->size_bytes;
  }

  int descriptor() const override { return content_->memory.get(); }

 private:
  FaultDisk* const disk_;
  const uint64_t cycle_;
  const std::shared_ptr<FaultDisk::Content> content_;
};

class FaultDiskHandle final : public Disk {
 public:
  explicit FaultDiskHandle(FaultDisk* disk) : disk_(disk), cycle_(disk->power_->cycle()) {}

  absl::StatusOr<std::unique_ptr<File>> Create(std::string_view name) override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    auto content = std::make_shared<FaultDisk::Content>();
    content->memory = UniqueFd(::memfd_create("fault_disk", MFD_CLOEXEC));
    MustBe(content->memory.is_open());
    if (!disk_->files_.emplace(name, content).second) return PosixError(EEXIST, name);
    return std::make_unique<FaultFile>(disk_, cycle_, std::move(content));
  }

  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view name) override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    const auto at = disk_->files_.find(std::string(name));
    if (at == disk_->files_.end()) return PosixError(ENOENT, name);
    return std::make_unique<FaultFile>(disk_, cycle_, at->second);
  }

  absl::Status Remove(std::string_view name) override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    if (disk_->files_.erase(std::string(name)) == 0) return PosixError(ENOENT, name);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List() const override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    std::vector<std::string> names;
    for (const auto& [name, content] : disk_->files_) names.push_back(name);
    return names;
  }

  absl::Status SyncDirectory() override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    for (const auto& [name, content] : disk_->files_) content->name_durable = true;
    return absl::OkStatus();
  }

  absl::StatusOr<Usage> GetUsage() const override {
    const MutexLock lock(&disk_->mutex_);
    if (!disk_->power_->On(cycle_)) return Dead();
    uint64_t used = 0;
    for (const auto& [name, content] : disk_->files_) used += content->size_bytes;
    return Usage{.total_bytes = disk_->total_bytes_,
                 .free_bytes = disk_->total_bytes_ - std::min(used, disk_->total_bytes_)};
  }

 private:
  FaultDisk* const disk_;
  const uint64_t cycle_;
};

std::shared_ptr<Disk> FaultDisk::Connect() { return std::make_shared<FaultDiskHandle>(this); }

void FaultDisk::Kill() {
  const MutexLock lock(&mutex_);
  for (const auto& [name, content] : files_) Decide(content.get(), &content->doomed);
}

void FaultDisk::PowerLoss() {
  const MutexLock lock(&mutex_);
  for (auto at = files_.begin(); at != files_.end();) {
    Content& content = *at->second;
    Decide(&content, &content.doomed);
    Decide(&content, &content.unsynced);
    const bool vanishes = !content.name_durable && random_() % 2 == 0;
    at = vanishes ? files_.erase(at) : std::next(at);
  }
}

void FaultDisk::Decide(Content* content, std::map<uint64_t, std::vector<Block>>* blocks) {
  for (auto& [number, states] : *blocks) {
    Block newest;
    ReadMemory(content->memory.get(), number * kBlockBytes, newest);
    states.push_back(newest);
    const uint32_t fate = random_() % 3;
    const Block& chosen = fate == 0 ? newest : states[random_() % states.size()];
    Block result = chosen;
    if (fate == 2) {
      const Block& other = states[random_() % states.size()];
      const size_t torn_at = random_() % (kBlockBytes / kSectorBytes) * kSectorBytes;
      std::copy(other.begin() + torn_at, other.end(), result.begin() + torn_at);
    }
    WriteMemory(content->memory.get(), number * kBlockBytes, result);
  }
  blocks->clear();
}

void FaultDisk::FailNextWrite(int error) {
  const MutexLock lock(&mutex_);
  next_write_error_ = error;
}
void FaultDisk::FailNextRead(int error) {
  const MutexLock lock(&mutex_);
  next_read_error_ = error;
}
void FaultDisk::FailNextSync(int error) {
  const MutexLock lock(&mutex_);
  next_sync_error_ = error;
}

void FaultDisk::Damage(const std::string& name, uint64_t offset_bytes) {
  const MutexLock lock(&mutex_);
  const int fd = files_.at(name)->memory.get();
  std::byte byte;
  ReadMemory(fd, offset_bytes, {&byte, 1});
  byte ^= std::byte{1};
  WriteMemory(fd, offset_bytes, {&byte, 1});
}

}  // namespace weft::storage
