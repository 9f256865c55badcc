// Page-aligned memory for payloads, taken from and given back to a process-wide pool.
//
// Aligned so that it can be written with O_DIRECT; pooled because memory that the machine touches
// for the first time is slow. The pool is thread-safe; one Buffer is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::wire {

class Buffer {
 public:
  Buffer() = default;
  // At least `bytes` of memory at an address that is a multiple of 4096, contents undefined.
  // Rounded up to a size class; size() is what was asked for. Terminates where memory is out.
  explicit Buffer(size_t bytes);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  [[nodiscard]] std::span<std::byte> bytes() const { return {data_, size_}; }
  // Shrinks or grows within capacity().
  void Resize(size_t bytes);

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace weft::wire
