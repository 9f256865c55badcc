// A cluster of fakes for tests of libweft: one metadata-server and storage-servers, each with one
// target, on free ports of this machine.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/testing/fake_metadata.h"
#include "client/core/testing/fake_storage.h"
#include "client/core/vfs.h"

namespace weft::client {

class TestCluster {
 public:
  static constexpr uint32_t kGroups = 8;
  static constexpr uint32_t kChunkBytes = 64 * 1024;
  static constexpr uint32_t kInlineMaxBytes = 4096;

  explicit TestCluster(uint32_t nodes = 3);

  // Options with short timeouts and small buffers for a mount of this cluster.
  [[nodiscard]] VfsOptions Options() const;
  // Mounts, or ends the program.
  [[nodiscard]] std::unique_ptr<Vfs> Mount() const { return Mount(Options()); }
  [[nodiscard]] std::unique_ptr<Vfs> Mount(VfsOptions options) const;

  [[nodiscard]] FakeMetadata& metadata() { return *metadata_; }
  [[nodiscard]] FakeStorage& storage(size_t i) { return *storage_[i]; }
  [[nodiscard]] size_t storage_count() const { return storage_.size(); }
  void SetFault(FakeStorage::Fault fault);
  [[nodiscard]] uint64_t StorageCalls(proto::StorageMethod method) const;
  [[nodiscard]] size_t ChunkCount() const;
  // Publishes a map with the addresses of now, and moves all groups by `shift` targets.
  void PublishMap(uint32_t shift);

 private:
  uint64_t epoch_ = 0;
  std::vector<std::unique_ptr<FakeStorage>> storage_;
  std::unique_ptr<FakeMetadata> metadata_;
};

// What tests do with files, in one line each; failures are those of the calling test.
std::vector<std::byte> RandomBytes(uint64_t seed, size_t count);
[[nodiscard]] std::span<const std::byte> AsBytes(std::string_view text);
// Whether two strings of bytes are the same; names the first difference, and not all the bytes.
testing::AssertionResult SameBytes(const std::string& got, const std::string& expected);
// The bytes that a read gave.
std::string ToString(const ReadBytes& bytes);
// All of a file, read in pieces of `step` bytes.
absl::StatusOr<std::string> ReadAll(Vfs& vfs, HandleId handle, size_t step = 1 << 20);
// The seed of this run: WEFT_SEED, or a new one; printed.
uint64_t TestSeed();

}  // namespace weft::client
