#include "common/wire/iovec_cursor.h"

#include <algorithm>
#include <cstring>

namespace weft::wire {

size_t TotalBytes(std::span<const iovec> pieces) {
  size_t total = 0;
  for (const iovec& piece : pieces) total += piece.iov_len;
  return total;
}

IovecCursor::IovecCursor(std::span<const std::byte> head, std::span<const iovec> pieces,
                         size_t limit_bytes)
    : first_{const_cast<std::byte*>(head.data()), head.size()},
      rest_(pieces),
      left_bytes_(std::min(limit_bytes, head.size() + TotalBytes(pieces))) {
  SkipEmpty();
}

void IovecCursor::SkipEmpty() {
  while (first_.iov_len == 0 && left_bytes_ > 0) {
    first_ = rest_.front();
    rest_ = rest_.subspan(1);
  }
}

std::span<iovec> IovecCursor::Next() {
  size_t count = 0;
  size_t bytes = 0;
  const auto add = [&](iovec piece) {
    piece.iov_len = std::min(piece.iov_len, left_bytes_ - bytes);
    if (piece.iov_len > 0) batch_[count++] = piece;
    bytes += piece.iov_len;
  };
  add(first_);
  for (size_t i = 0; i < rest_.size() && count < kBatch && bytes < left_bytes_; ++i) add(rest_[i]);
  return std::span(batch_).first(count);
}

void IovecCursor::Advance(size_t bytes) {
  while (bytes > 0) {
    const size_t step = std::min(bytes, first_.iov_len);
    first_.iov_base = static_cast<std::byte*>(first_.iov_base) + step;
    first_.iov_len -= step;
    left_bytes_ -= step;
    bytes -= step;
    SkipEmpty();
  }
}

void IovecCursor::CopyIn(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t step = std::min(bytes.size(), first_.iov_len);
    std::memcpy(first_.iov_base, bytes.data(), step);
    bytes = bytes.subspan(step);
    Advance(step);
  }
}

}  // namespace weft::wire
