#include "storage-server/chunks/aligned_buffer.h"

#include <utility>
#include <vector>

#include "common/mutex.h"

namespace weft::storage {

struct AlignedBuffer::Pool {
  Mutex mutex;
  std::vector<Memory> free WEFT_GUARDED_BY(mutex);  // each of kPooledBytes
};

AlignedBuffer::Pool& AlignedBuffer::ThePool() {
  static Pool& pool = *new Pool;  // lives for ever: threads may outlive static objects
  return pool;
}

AlignedBuffer::AlignedBuffer(size_t bytes)
    : size_((bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes) {
  if (size_ == 0) return;
  if (size_ <= kPooledBytes) {
    Pool& pool = ThePool();
    const MutexLock lock(&pool.mutex);
    if (!pool.free.empty()) {
      memory_ = std::move(pool.free.back());
      pool.free.pop_back();
      return;
    }
  }
  const size_t allocated = size_ <= kPooledBytes ? kPooledBytes : size_;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, allocated)));
  if (memory_ == nullptr) std::abort();
}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(size_, other.size_);
  std::swap(memory_, other.memory_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  if (memory_ == nullptr || size_ > kPooledBytes) return;
  Pool& pool = ThePool();
  const MutexLock lock(&pool.mutex);
  if (pool.free.size() < kMaxPooled) pool.free.push_back(std::move(memory_));
}

}  // namespace weft::storage
