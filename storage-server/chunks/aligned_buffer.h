// Block-aligned scratch memory for reads and writes that go past the page cache. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "common/limits.h"

namespace weft::storage {

[[nodiscard]] inline bool IsBlockAligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % kBlockBytes == 0;
}

class AlignedBuffer {
 public:
  // Room for `bytes`, rounded up to whole blocks; contents undefined. Terminates where memory is out.
  explicit AlignedBuffer(size_t bytes)
      : size_((bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes),
        data_(static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, size_ + kBlockBytes))) {
    if (data_ == nullptr) std::abort();
  }

  [[nodiscard]] std::span<std::byte> bytes() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };
  size_t size_;
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace weft::storage
