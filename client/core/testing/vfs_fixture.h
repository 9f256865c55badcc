// What tests of a Vfs share: a cluster of fakes, and file operations in one line each.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "client/core/testing/test_cluster.h"
#include "client/core/vfs.h"
#include "common/status.h"

namespace weft::client {

class VfsFixture : public testing::Test {
 protected:
  static constexpr OpenFlags kReadWrite{true, true, false};
  static constexpr uint64_t kChunk = TestCluster::kChunkBytes;
  static constexpr uint64_t kInline = TestCluster::kInlineMaxBytes;

  Opened Create(Vfs& vfs, std::string_view name) {
    auto opened = vfs.Create({}, kRootInode, name, 0644, false, kReadWrite);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *opened : Opened();
  }
  Opened Open(Vfs& vfs, std::string_view name, OpenFlags flags = kReadWrite) {
    const auto attr = vfs.Lookup({}, kRootInode, name);
    EXPECT_TRUE(attr.ok()) << attr.status();
    if (!attr.ok()) return Opened();
    auto opened = vfs.Open({}, InodeId(attr->inode_id()), flags);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *opened : Opened();
  }
  void Write(Vfs& vfs, HandleId handle, uint64_t offset, std::string_view text) {
    const absl::Status status = vfs.Write(handle, offset, AsBytes(text), false);
    EXPECT_TRUE(status.ok()) << status;
  }
  std::string Read(Vfs& vfs, HandleId handle) {
    auto all = ReadAll(vfs, handle);
    EXPECT_TRUE(all.ok()) << all.status();
    return all.ok() ? *all : "";
  }
  void Resize(Vfs& vfs, const Opened& file, uint64_t size) {
    AttrChanges changes;
    changes.size_bytes = size;
    const auto attr = vfs.SetAttr({}, InodeId(file.attr.inode_id()), changes);
    ASSERT_TRUE(attr.ok()) << attr.status();
    EXPECT_EQ(attr->size_bytes(), size);
  }
  uint64_t Size(Vfs& vfs, const Opened& file) {
    const auto attr = vfs.GetAttr(InodeId(file.attr.inode_id()));
    EXPECT_TRUE(attr.ok()) << attr.status();
    return attr.ok() ? attr->size_bytes() : 0;
  }
  static std::string Text(uint64_t seed, size_t count) {
    const auto bytes = RandomBytes(seed, count);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  // Polls, with a deadline that only a hanging program meets.
  static void WaitFor(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  TestCluster cluster_;
};

}  // namespace weft::client
