// Short ways to write and read whole chunks in tests.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "storage-server/chunks/chunk_store.h"

namespace weft::storage {

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes RandomBytes(size_t size, uint32_t seed);

// Writes with correct checksums, at chunk_bytes_log2.
[[nodiscard]] absl::StatusOr<ChunkInfo> WriteBytes(ChunkStore* store, ChunkId chunk,
                                                   uint32_t offset_bytes,
                                                   std::span<const std::byte> data,
                                                   uint32_t cut = 0,
                                                   uint32_t chunk_bytes_log2 = 20);

// The bytes of a read, from its descriptors and again by Copy; an error where these differ or do
// not match the checksums.
[[nodiscard]] absl::StatusOr<Bytes> BytesOf(ChunkStore* store, const ChunkRead& read);

// All of a chunk; empty where there is none. Checks as BytesOf does.
[[nodiscard]] absl::StatusOr<Bytes> ReadChunk(ChunkStore* store, ChunkId chunk);

// WEFT_SEED of the environment, or a new one.
[[nodiscard]] uint32_t TestSeed();

// A directory that goes with this.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace weft::storage
