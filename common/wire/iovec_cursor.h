// A position in a list of pieces of memory that is sent from, or received into, step by step.
//
// The pieces are not changed and not copied as a whole, so that a list of any length needs a fixed
// amount of memory. Not thread-safe.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

namespace weft::wire {

[[nodiscard]] size_t TotalBytes(std::span<const iovec> pieces);

class IovecCursor {
 public:
  // `head`, then `pieces`, of which the first `limit_bytes` count.
  IovecCursor(std::span<const std::byte> head, std::span<const iovec> pieces, size_t limit_bytes);
  IovecCursor(std::span<const iovec> pieces, size_t limit_bytes)
      : IovecCursor({}, pieces, limit_bytes) {}

  [[nodiscard]] size_t left_bytes() const { return left_bytes_; }
  // The next pieces, as many as one system call should take. Valid until the cursor is used again.
  [[nodiscard]] std::span<iovec> Next();
  void Advance(size_t bytes);
  // Fills the next pieces from `bytes`, which must not be more than left_bytes(), and advances.
  void CopyIn(std::span<const std::byte> bytes);

 private:
  static constexpr size_t kBatch = 64;

  // What is left of the first piece, which has at least a byte while left_bytes_ > 0.
  void SkipEmpty();

  iovec first_;
  std::span<const iovec> rest_;
  size_t left_bytes_;
  std::array<iovec, kBatch> batch_;
};

}  // namespace weft::wire
