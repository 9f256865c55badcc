#include "common/wire/buffer.h"

#include <spdlog/spdlog.h>
#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/mutex.h"

namespace weft::wire {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kSmallestClassLog2 = 12;
constexpr size_t kLargestClassLog2 = kMaxChunkBytesLog2;
constexpr size_t kClasses = kLargestClassLog2 - kSmallestClassLog2 + 1;
constexpr size_t kMaxRetainedBytes = size_t{256} << 20;
static_assert((size_t{1} << kSmallestClassLog2) == kPageBytes);

// Capacity of a buffer for `bytes`: a power of two, or whole pages where that is not pooled.
size_t CapacityFor(size_t bytes) {
  if (bytes <= kPageBytes) return kPageBytes;
  if (bytes <= size_t{1} << kLargestClassLog2) return std::bit_ceil(bytes);
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

std::byte* Map(size_t bytes) {
  void* const address =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    spdlog::critical("no memory for a buffer of {} bytes", bytes);
    std::abort();
  }
  return static_cast<std::byte*>(address);
}

// Free memory by size class, kMaxRetainedBytes of it in all.
class Pool {
 public:
  std::byte* Take(size_t capacity) {
    if (IsPooled(capacity)) {
      MutexLock lock(&mutex_);
      std::vector<std::byte*>& free = free_[ClassOf(capacity)];
      if (!free.empty()) {
        std::byte* const memory = free.back();
        free.pop_back();
        retained_bytes_ -= capacity;
        return memory;
      }
    }
    return Map(capacity);
  }

  void Give(std::byte* memory, size_t capacity) {
    if (IsPooled(capacity)) {
      MutexLock lock(&mutex_);
      if (retained_bytes_ + capacity <= kMaxRetainedBytes) {
        free_[ClassOf(capacity)].push_back(memory);
        retained_bytes_ += capacity;
        return;
      }
    }
    ::munmap(memory, capacity);
  }

 private:
  static bool IsPooled(size_t capacity) { return capacity <= size_t{1} << kLargestClassLog2; }
  static size_t ClassOf(size_t capacity) {
    return static_cast<size_t>(std::countr_zero(capacity)) - kSmallestClassLog2;
  }

  Mutex mutex_;
  std::array<std::vector<std::byte*>, kClasses> free_ WEFT_GUARDED_BY(mutex_);
  size_t retained_bytes_ WEFT_GUARDED_BY(mutex_) = 0;
};

// Never destroyed: threads may give buffers back while the process exits.
Pool& ThePool() {
  static Pool* const pool = new Pool;
  return *pool;
}

}  // namespace

Buffer::Buffer(size_t bytes) : size_(bytes), capacity_(CapacityFor(bytes)) {
  data_ = ThePool().Take(capacity_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  Buffer taken(std::move(other));  // at the end it has what was here, and gives it back
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  std::swap(capacity_, taken.capacity_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ != nullptr) ThePool().Give(data_, capacity_);
}

void Buffer::Resize(size_t bytes) {
  if (bytes > capacity_) {
    spdlog::critical("a buffer of {} bytes cannot hold {}", capacity_, bytes);
    std::abort();
  }
  size_ = bytes;
}

}  // namespace weft::wire
