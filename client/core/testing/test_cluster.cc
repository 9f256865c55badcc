#include "client/core/testing/test_cluster.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>

namespace weft::client {

TestCluster::TestCluster(uint32_t nodes) {
  for (uint32_t i = 1; i <= nodes; ++i) {
    storage_.push_back(std::make_unique<FakeStorage>(i, "n" + std::to_string(i)));
    storage_.back()->Start();
  }
  for (auto& server : storage_) {
    server->SetPeers([this](uint32_t target, uint64_t content, uint32_t chunk, uint32_t offset,
                            uint32_t length) {
      return storage_.at(target - 1)->Peek(content, chunk, offset, length);
    });
  }
  FakeMetadata::ContentHooks hooks;
  hooks.cut = [this](const proto::Content& content, uint64_t size) {
    for (auto& storage : storage_) {
      storage->Cut(content.content_id(), size, content.chunk_bytes_log2(), content.cut());
    }
  };
  hooks.remove = [this](uint64_t content) {
    for (auto& storage : storage_) storage->Remove(content);
  };
  metadata_ = std::make_unique<FakeMetadata>(std::move(hooks));
  proto::Layout layout;
  layout.set_chunk_bytes_log2(16);
  layout.set_width(kGroups);
  layout.set_pool(1);
  layout.set_inline_max_bytes(kInlineMaxBytes);
  metadata_->SetLayout(layout);
  PublishMap(0);
  metadata_->Start();
}

void TestCluster::PublishMap(uint32_t shift) {
  proto::ClusterMap map;
  map.set_epoch(++epoch_);
  map.set_cluster_id("11111111-1111-4111-8111-111111111111");
  for (const auto& storage : storage_) {
    proto::Node* node = map.add_nodes();
    node->set_node_id(storage->target_id());
    node->set_name("n" + std::to_string(storage->target_id()));
    node->set_address(storage->address());
    node->set_state(proto::NODE_ONLINE);
    proto::Target* target = map.add_targets();
    target->set_target_id(storage->target_id());
    target->set_node_id(storage->target_id());
    target->set_pool(1);
  }
  proto::Pool* pool = map.add_pools();
  pool->set_pool_id(1);
  pool->set_name("default");
  pool->set_replicas(1);
  for (uint32_t i = 0; i < kGroups; ++i) {
    proto::Group* group = pool->add_groups();
    group->set_epoch(epoch_);
    proto::ChainMember* member = group->add_members();
    member->set_target_id(storage_[(i + shift) % storage_.size()]->target_id());
    member->set_state(proto::SERVING);
  }
  metadata_->SetMap(map);
}

VfsOptions TestCluster::Options() const {
  VfsOptions options;
  options.server = metadata_->address();
  options.mount_point = "/test";
  options.io_timeout = std::chrono::milliseconds(60'000);
  options.connect_timeout = std::chrono::milliseconds(10'000);
  options.write_buffer_bytes = 4 << 20;
  options.file_write_buffer_bytes = 1 << 20;
  options.read_ahead_bytes = 512 << 10;
  options.read_cache_bytes = 1 << 20;
  options.io_threads = 8;
  return options;
}

std::unique_ptr<Vfs> TestCluster::Mount(VfsOptions options) const {
  auto vfs = Vfs::Mount(std::move(options));
  if (!vfs.ok()) {
    std::cerr << "mount: " << vfs.status() << "\n";
    std::abort();
  }
  return *std::move(vfs);
}

void TestCluster::SetFault(FakeStorage::Fault fault) {
  for (auto& storage : storage_) storage->SetFault(fault);
}

uint64_t TestCluster::StorageCalls(proto::StorageMethod method) const {
  uint64_t calls = 0;
  for (const auto& storage : storage_) calls += storage->calls(method);
  return calls;
}

size_t TestCluster::ChunkCount() const {
  size_t count = 0;
  for (const auto& storage : storage_) count += storage->chunk_count();
  return count;
}

std::vector<std::byte> RandomBytes(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(count);
  for (size_t at = 0; at < count; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min(sizeof(word), count - at));
  }
  return bytes;
}

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

testing::AssertionResult SameBytes(const std::string& got, const std::string& expected) {
  if (got == expected) return testing::AssertionSuccess();
  const size_t common = std::min(got.size(), expected.size());
  size_t at = 0;
  while (at < common && got[at] == expected[at]) ++at;
  size_t different = 0;
  for (size_t i = at; i < common; ++i) different += got[i] != expected[i] ? 1 : 0;
  auto result = testing::AssertionFailure();
  result << "sizes " << got.size() << ", expected " << expected.size() << "; ";
  if (at == common) return result << "the same as far as both go";
  return result << different << " bytes differ, the first at " << at << ": "
                << +static_cast<unsigned char>(got[at]) << ", expected "
                << +static_cast<unsigned char>(expected[at]);
}

std::string ToString(const ReadBytes& bytes) {
  std::string text;
  text.reserve(bytes.size_bytes);
  for (const iovec& piece : bytes.pieces) {
    text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return text;
}

absl::StatusOr<std::string> ReadAll(Vfs& vfs, HandleId handle, size_t step) {
  std::string all;
  for (;;) {
    auto bytes = vfs.Read(handle, all.size(), step);
    if (!bytes.ok()) return bytes.status();
    if (bytes->size_bytes == 0) return all;
    all += ToString(*bytes);
  }
}

uint64_t TestSeed() {
  const char* const given = std::getenv("WEFT_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "WEFT_SEED=" << seed << "\n";
  return seed;
}

}  // namespace weft::client
