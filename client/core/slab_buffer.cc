#include "client/core/slab_buffer.h"

#include <algorithm>
#include <cstring>

#include "common/crc32c.h"

namespace weft::client {

SlabBuffer::SlabBuffer(uint32_t slab_bytes)
    : memory_(slab_bytes),
      block_crc_(slab_bytes / kBlockBytes),
      has_block_crc_(slab_bytes / kBlockBytes) {}

void SlabBuffer::Write(uint32_t offset, std::span<const std::byte> data) {
  if (data.empty()) return;
  written_.Add(offset, offset + data.size());
  while (!data.empty()) {
    const uint32_t block = offset / kBlockBytes;
    const size_t length = std::min<size_t>(data.size(), kBlockBytes - offset % kBlockBytes);
    std::byte* to = memory_.data() + offset;
    std::memcpy(to, data.data(), length);
    has_block_crc_[block] = length == kBlockBytes;
    if (length == kBlockBytes) block_crc_[block] = Crc32c({to, length});
    data = data.subspan(length);
    offset += static_cast<uint32_t>(length);
  }
}

void SlabBuffer::FillFrom(const SlabBuffer& older) {
  for (const Interval& part : older.written_.intervals()) {
    for (const Interval& gap : written_.Gaps(part.begin, part.end)) {
      Write(static_cast<uint32_t>(gap.begin), older.bytes(gap));
    }
  }
}

void SlabBuffer::AppendPieceCrcs(const Interval& part, std::vector<uint32_t>* crcs) const {
  for (uint64_t at = part.begin; at < part.end;) {
    const uint64_t block = at / kBlockBytes;
    const uint64_t end = std::min(part.end, (block + 1) * kBlockBytes);
    const bool whole = end - at == kBlockBytes;
    crcs->push_back(whole && has_block_crc_[block] ? block_crc_[block] : Crc32c(bytes({at, end})));
    at = end;
  }
}

}  // namespace weft::client
