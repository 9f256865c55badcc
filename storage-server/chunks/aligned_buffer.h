// Block-aligned scratch memory for reads and writes that go past the page cache.
//
// Buffers of up to kPooledBytes come from a process-wide pool, because memory that the machine
// touches for the first time is slow. The pool is thread-safe, one buffer is not.
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
  static constexpr size_t kPooledBytes = (1u << 20) + 2 * kBlockBytes;
  static constexpr size_t kMaxPooled = 32;

  // `bytes`, rounded up to whole blocks; contents undefined. Terminates where memory is out.
  explicit AlignedBuffer(size_t bytes);
  AlignedBuffer(AlignedBuffer&& other) noexcept = default;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();

  [[nodiscard]] std::span<std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<std::byte, Free>;
  struct Pool;
  static Pool& ThePool();

  size_t size_;
  Memory memory_;
};

}  // namespace weft::storage
