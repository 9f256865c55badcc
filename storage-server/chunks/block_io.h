// Bytes of chunks to and from the blocks they lie in. Thread-safe: no state.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <utility>
#include <vector>

#include "storage-server/chunks/aligned_buffer.h"
#include "storage-server/chunks/block_space.h"
#include "storage-server/chunks/chunk_store.h"
#include "storage-server/chunks/row.h"

namespace weft::storage {

// Fills `out` with blocks [first, end) of a version: holes and what follows its length read as
// zeros. `out` is aligned. EIO, naming chunk and block: the disk failed, or gave other bytes than
// were stored.
[[nodiscard]] absl::Status ReadBlocks(const Segments& segments, ChunkId chunk,
                                      const RowVersion& version, uint32_t first, uint32_t end,
                                      std::span<std::byte> out);

// Whether all bytes of a version are on disk as they were written, to the end of each block.
[[nodiscard]] bool IsIntact(const Segments& segments, const RowVersion& version);

// Writes `parts`, which are whole blocks in aligned memory, one after the other into `runs`.
[[nodiscard]] absl::Status WriteBlocks(Segments* segments, const std::vector<BlockRun>& runs,
                                       std::vector<std::span<const std::byte>> parts);

// The blocks that a write makes of its data and of what the chunk holds around it.
struct BlockImage {
  uint32_t first_block = 0;
  std::vector<std::span<const std::byte>>
      parts;  // whole aligned blocks, in the data or in `scratch`
  std::vector<uint32_t> block_crc32c;
  AlignedBuffer scratch{0};

  [[nodiscard]] uint32_t blocks() const { return static_cast<uint32_t>(block_crc32c.size()); }
};

// `old` is the present version and `length_bytes` the chunk's length after the write. Of blocks
// that are covered in part the rest is read and verified: errors as of ReadBlocks. The write's
// pieces are known to match their checksums.
[[nodiscard]] absl::StatusOr<BlockImage> AssembleBlocks(const Segments& segments,
                                                        const ChunkWrite& write,
                                                        const RowVersion& old,
                                                        uint32_t length_bytes);

// Blocks taken for a change that is not yet in the index: given back when this goes, unless kept.
class FreshBlocks {
 public:
  explicit FreshBlocks(BlockSpace* space) : space_(space) {}
  ~FreshBlocks() { space_->FreeUnused(runs_); }
  FreshBlocks(const FreshBlocks&) = delete;
  FreshBlocks& operator=(const FreshBlocks&) = delete;

  void Add(const std::vector<BlockRun>& runs) {
    runs_.insert(runs_.end(), runs.begin(), runs.end());
  }
  void Keep() { runs_.clear(); }
  // Gives back those that `used` does not have.
  void Trim(const std::vector<BlockRun>& used) {
    const std::vector<BlockRun> unused = Difference(std::exchange(runs_, {}), used);
    space_->FreeUnused(unused);
  }

 private:
  BlockSpace* const space_;
  std::vector<BlockRun> runs_;
};

}  // namespace weft::storage
