#include "storage-server/chunks/testing/chunk_helpers.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "storage-server/chunks/row.h"

namespace weft::storage {
namespace {

absl::Status ReadDescriptors(const ChunkRead& read, Bytes* out) {
  size_t at = 0;
  for (const ChunkRead::Range& range : read.ranges) {
    if (at + range.length_bytes > out->size()) return PosixError(EIO, "ranges exceed data_bytes");
    if (range.fd >= 0) {
      const ssize_t n = ::pread(range.fd, out->data() + at, range.length_bytes,
                                static_cast<off_t>(range.offset_bytes));
      if (n != static_cast<ssize_t>(range.length_bytes)) return LastError("pread");
    }
    at += range.length_bytes;
  }
  if (at != out->size()) return PosixError(EIO, "ranges fall short of data_bytes");
  return absl::OkStatus();
}

}  // namespace

Bytes RandomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

absl::StatusOr<ChunkInfo> WriteBytes(ChunkStore* store, ChunkId chunk, uint32_t offset_bytes,
                                     std::span<const std::byte> data, uint32_t cut,
                                     uint32_t chunk_bytes_log2) {
  const std::vector<uint32_t> crcs = Crc32cOfPieces(offset_bytes, data);
  return store->Write({.chunk = chunk,
                       .offset_bytes = offset_bytes,
                       .data = data,
                       .piece_crc32c = crcs,
                       .cut = cut,
                       .chunk_bytes_log2 = chunk_bytes_log2});
}

absl::StatusOr<Bytes> BytesOf(ChunkStore* store, const ChunkRead& read) {
  Bytes sent(read.data_bytes);
  WEFT_RETURN_IF_ERROR(ReadDescriptors(read, &sent));
  Bytes copied(read.data_bytes, std::byte{0xaa});
  WEFT_RETURN_IF_ERROR(store->Copy(read, copied));
  if (sent != copied) return PosixError(EIO, "descriptors and Copy give different bytes");
  if (Crc32cOfPieces(read.data_offset_bytes, sent) != read.block_crc32c) {
    return PosixError(EBADMSG, "bytes do not match their checksums");
  }
  return sent;
}

absl::StatusOr<Bytes> ReadChunk(ChunkStore* store, ChunkId chunk) {
  WEFT_ASSIGN_OR_RETURN(const ChunkRead read, store->Read(chunk, 0, kMaxChunkBytes));
  if (read.data_bytes != read.info.length_bytes) return PosixError(EIO, "not the whole chunk");
  return BytesOf(store, read);
}

uint32_t TestSeed() {
  const char* seed = std::getenv("WEFT_SEED");
  return seed != nullptr ? static_cast<uint32_t>(std::strtoul(seed, nullptr, 10))
                         : std::random_device()();
}

TemporaryDirectory::TemporaryDirectory() {
  std::string path = std::filesystem::temp_directory_path() / "weft_chunks_XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) std::abort();
  path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace weft::storage
