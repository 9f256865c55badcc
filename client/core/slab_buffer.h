// Written bytes of one slab of a file, not yet on a storage-server, with their checksums.
//
// A slab is an aligned piece of a file that lies in one chunk: the whole chunk, or kMaxSlabBytes of
// a larger one. The memory is page-aligned and pooled. The checksum of a block that a write covers
// whole is computed right after the copy, while the bytes are in the processor's cache. Not
// thread-safe; constant, and then free to be read by many, once it is on its way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "client/core/intervals.h"
#include "common/limits.h"
#include "common/wire/buffer.h"

namespace weft::client {

inline constexpr uint32_t kMaxSlabBytes = 1u << 20;

// Size of the slabs of a file with such chunks.
[[nodiscard]] constexpr uint32_t SlabBytes(uint32_t chunk_bytes_log2) {
  return chunk_bytes_log2 >= 20 ? kMaxSlabBytes : uint32_t{1} << chunk_bytes_log2;
}

class SlabBuffer {
 public:
  explicit SlabBuffer(uint32_t slab_bytes);

  // Copies `data` to `offset` of the slab.
  void Write(uint32_t offset, std::span<const std::byte> data);
  // Copies what `older` has and this does not have.
  void FillFrom(const SlabBuffer& older);
  // Forgets those bytes.
  void Forget(uint64_t begin, uint64_t end) { written_.Remove(begin, end); }

  [[nodiscard]] const IntervalSet& written() const { return written_; }
  [[nodiscard]] bool full() const { return written_.Contains(0, size_bytes()); }
  [[nodiscard]] uint32_t size_bytes() const { return static_cast<uint32_t>(memory_.size()); }
  [[nodiscard]] std::span<const std::byte> bytes(const Interval& part) const {
    return memory_.bytes().subspan(part.begin, part.size());
  }
  // One checksum for each piece of `part`, cut at block boundaries (see proto WriteChunkRequest).
  void AppendPieceCrcs(const Interval& part, std::vector<uint32_t>* crcs) const;

 private:
  wire::Buffer memory_;
  IntervalSet written_;
  std::vector<uint32_t> block_crc_;  // of whole blocks
  std::vector<bool> has_block_crc_;
};

}  // namespace weft::client
