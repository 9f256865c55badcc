// Random operations on libweft against files that are strings, with and without faults and threads.
// A failure prints WEFT_SEED, which repeats the operations.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include <atomic>
#include <random>
#include <thread>

#include "client/core/testing/test_cluster.h"
#include "client/core/vfs.h"
#include "common/status.h"

namespace weft::client {
namespace {

constexpr OpenFlags kReadWrite{true, true, false};
constexpr uint64_t kChunk = TestCluster::kChunkBytes;
constexpr uint64_t kMaxSize = 5 * kChunk;

// One file and what it must hold.
class ModelFile {
 public:
  ModelFile(Vfs* vfs, std::string name, uint64_t seed)
      : vfs_(vfs), name_(std::move(name)), random_(seed) {
    auto opened = vfs_->Create({}, kRootInode, name_, 0644, false, kReadWrite);
    EXPECT_TRUE(opened.ok()) << opened.status();
    handle_ = opened->handle;
    inode_ = InodeId(opened->attr.inode_id());
  }

  // False after a failure.
  bool Step() {
    switch (random_() % 16) {
      case 0:
        return Truncate(random_() % 3 == 0 ? 0 : Offset());
      case 1:
        return Ok(vfs_->Flush(handle_), "flush");
      case 2:
        return Ok(vfs_->Fsync(handle_), "fsync");
      case 3:
        return Reopen();
      case 4:
        return Punch();
      case 5:
        return Append();
      case 6:
      case 7:
      case 8:
      case 9:
        return Read();
      default:
        return Write();
    }
  }

  bool CheckAll() {
    const auto attr = vfs_->GetAttr(inode_);
    if (!Ok(attr.status(), "getattr")) return false;
    EXPECT_EQ(attr->size_bytes(), model_.size());
    const auto all = ReadAll(*vfs_, handle_, 1 + random_() % (2 * kChunk));
    return Ok(all.status(), "read all") && Same(*all, model_, "read all");
  }
  // As another mount sees it, after a flush.
  bool CheckElsewhere(Vfs& other) {
    if (!Ok(vfs_->Flush(handle_), "flush")) return false;
    const auto attr = other.Lookup({}, kRootInode, name_);
    if (!Ok(attr.status(), "lookup")) return false;
    const auto opened = other.Open({}, InodeId(attr->inode_id()), {true, false, false});
    if (!Ok(opened.status(), "open")) return false;
    const auto all = ReadAll(other, opened->handle);
    return Ok(all.status(), "read elsewhere") && Same(*all, model_, "read elsewhere") &&
           Ok(other.Release(opened->handle), "release");
  }

 private:
  // Near a boundary more often than not.
  uint64_t Offset() {
    static constexpr uint64_t kEdges[] = {
        0, TestCluster::kInlineMaxBytes, 4096, kChunk, 2 * kChunk, 3 * kChunk};
    if (random_() % 3 == 0) return random_() % kMaxSize;
    const uint64_t edge = kEdges[random_() % std::size(kEdges)] + random_() % 9;
    return edge < 4 ? edge : edge - 4;
  }
  uint64_t Length() {
    static constexpr uint64_t kLengths[] = {1, 10, 500, 4096, 10'000, kChunk, 2 * kChunk + 1};
    return 1 + random_() % kLengths[random_() % std::size(kLengths)];
  }
  std::string Bytes(size_t count) {
    const auto bytes = RandomBytes(random_(), count);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  static bool Ok(const absl::Status& status, const char* what) {
    EXPECT_TRUE(status.ok()) << what << ": " << status;
    return status.ok();
  }
  static bool Same(const std::string& got, const std::string& expected, const std::string& what) {
    const testing::AssertionResult same = SameBytes(got, expected);
    EXPECT_TRUE(same) << what;
    return static_cast<bool>(same);
  }

  bool Write() {
    const uint64_t offset = random_() % 4 == 0 ? model_.size() : Offset();
    const std::string bytes = Bytes(Length());
    if (model_.size() < offset + bytes.size()) model_.resize(offset + bytes.size());
    model_.replace(offset, bytes.size(), bytes);
    return Ok(vfs_->Write(handle_, offset, AsBytes(bytes), false), "write");
  }
  bool Append() {
    if (model_.size() > kMaxSize) return true;
    const std::string bytes = Bytes(Length());
    model_ += bytes;
    return Ok(vfs_->Write(handle_, 0, AsBytes(bytes), true), "append");
  }
  bool Read() {
    const uint64_t offset = Offset();
    const uint64_t length = Length();
    const auto bytes = vfs_->Read(handle_, offset, length);
    const std::string expected =
        offset < model_.size() ? model_.substr(offset, length) : std::string();
    return Ok(bytes.status(), "read") &&
           Same(ToString(*bytes), expected, "read at " + std::to_string(offset));
  }
  bool Truncate(uint64_t size) {
    AttrChanges changes;
    changes.size_bytes = size;
    model_.resize(size);
    return Ok(vfs_->SetAttr({}, inode_, changes).status(), "truncate");
  }
  bool Punch() {
    const uint64_t begin = Offset();
    const uint64_t end = std::min<uint64_t>(begin + Length(), model_.size());
    if (begin >= end) return true;
    model_.replace(begin, end - begin, end - begin, '\0');
    constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return Ok(vfs_->Fallocate(handle_, kMode, begin, end - begin), "punch");
  }
  bool Reopen() {
    if (!Ok(vfs_->Release(handle_), "release")) return false;
    OpenFlags flags = kReadWrite;
    flags.truncate = random_() % 8 == 0;
    if (flags.truncate) model_.clear();
    auto opened = vfs_->Open({}, inode_, flags);
    if (!Ok(opened.status(), "open")) return false;
    handle_ = opened->handle;
    EXPECT_EQ(opened->attr.size_bytes(), model_.size());
    return true;
  }

  Vfs* const vfs_;
  const std::string name_;
  std::mt19937_64 random_;
  HandleId handle_ = 0;
  InodeId inode_;
  std::string model_;
};

TEST(VfsModelTest, RandomOperationsOnOneFile) {
  const uint64_t seed = TestSeed();
  TestCluster cluster;
  auto vfs = cluster.Mount();
  auto other = cluster.Mount();
  for (uint64_t round = 0; round < 12; ++round) {
    ModelFile file(vfs.get(), "f" + std::to_string(round), seed + round);
    for (int step = 0; step < 120; ++step) {
      ASSERT_TRUE(file.Step()) << "round " << round << " step " << step;
      if (step % 20 == 0) ASSERT_TRUE(file.CheckAll()) << "round " << round << " step " << step;
    }
    ASSERT_TRUE(file.CheckAll());
    ASSERT_TRUE(file.CheckElsewhere(*other));
  }
}

TEST(VfsModelTest, RandomOperationsWithLittleMemory) {
  const uint64_t seed = TestSeed();
  TestCluster cluster;
  auto options = cluster.Options();
  options.write_buffer_bytes = 2 * kChunk;
  options.file_write_buffer_bytes = kChunk;
  options.read_ahead_bytes = 2 * kChunk;
  options.read_cache_bytes = 2 * kChunk;
  options.io_threads = 2;
  auto vfs = cluster.Mount(options);
  auto other = cluster.Mount();
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      ModelFile file(vfs.get(), "f" + std::to_string(t), seed + t);
      for (int step = 0; step < 150; ++step) {
        ASSERT_TRUE(file.Step()) << "file " << t << " step " << step;
      }
      ASSERT_TRUE(file.CheckAll());
      ASSERT_TRUE(file.CheckElsewhere(*other));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(VfsModelTest, RandomOperationsWhileServersComeAndGo) {
  const uint64_t seed = TestSeed();
  TestCluster cluster;
  auto vfs = cluster.Mount();
  std::atomic<bool> done = false;
  std::thread chaos([&] {
    std::mt19937_64 random(seed);
    while (!done) {
      FakeStorage& storage = cluster.storage(random() % cluster.storage_count());
      switch (random() % 4) {
        case 0:
          cluster.metadata().Stop();
          cluster.metadata().Start();
          break;
        case 1:
          storage.Stop();
          std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
          storage.Start();
          break;
        case 2:
          storage.SetFault(FakeStorage::Fault::kBusy);
          break;
        default:
          storage.SetFault(FakeStorage::Fault::kCorruptOnce);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
      for (size_t i = 0; i < cluster.storage_count(); ++i) {
        cluster.storage(i).SetFault(FakeStorage::Fault::kNone);
      }
    }
  });
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      ModelFile file(vfs.get(), "f" + std::to_string(t), seed + t);
      for (int step = 0; step < 500; ++step) {
        ASSERT_TRUE(file.Step()) << "file " << t << " step " << step;
      }
      ASSERT_TRUE(file.CheckAll());
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  chaos.join();
}

TEST(VfsModelTest, ManyThreadsOnOneFile) {
  TestCluster cluster;
  auto vfs = cluster.Mount();
  const auto opened = vfs->Create({}, kRootInode, "shared", 0644, false, kReadWrite);
  ASSERT_TRUE(opened.ok()) << opened.status();
  constexpr int kThreads = 4;
  constexpr uint64_t kRecord = 3000;  // not aligned to anything
  constexpr int kRecords = 60;
  // Each thread owns every fourth record, writes it again and again, and must always read its last.
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      std::vector<uint64_t> last(kRecords);
      for (int i = 0; i < 300; ++i) {
        const uint64_t r = random() % kRecords;
        const uint64_t at = (r * kThreads + static_cast<uint64_t>(t)) * kRecord;
        if (last[r] == 0 || random() % 2 == 0) {
          last[r] = random() | 1;
          const auto bytes = RandomBytes(last[r], kRecord);
          ASSERT_TRUE(vfs->Write(opened->handle, at, bytes, false).ok());
        } else {
          const auto bytes = vfs->Read(opened->handle, at, kRecord);
          ASSERT_TRUE(bytes.ok()) << bytes.status();
          const auto expected = RandomBytes(last[r], kRecord);
          ASSERT_TRUE(SameBytes(
              ToString(*bytes),
              std::string(reinterpret_cast<const char*>(expected.data()), expected.size())))
              << "thread " << t << " operation " << i;
        }
        if (i % 50 == 49) ASSERT_TRUE(vfs->Fsync(opened->handle).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(vfs->Release(opened->handle).ok());
}

TEST(VfsModelTest, AppendsOfManyThreadsLoseNothing) {
  TestCluster cluster;
  auto vfs = cluster.Mount();
  const auto opened = vfs->Create({}, kRootInode, "log", 0644, false, kReadWrite);
  ASSERT_TRUE(opened.ok()) << opened.status();
  constexpr int kThreads = 4;
  constexpr int kLines = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kLines; ++i) {
        const std::string line(1000, static_cast<char>('a' + t));
        ASSERT_TRUE(vfs->Write(opened->handle, 0, AsBytes(line + "\n"), true).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto all = ReadAll(*vfs, opened->handle);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 1001u * kThreads * kLines);
  for (size_t at = 0; at < all->size(); at += 1001) {
    ASSERT_EQ(all->substr(at, 1001), std::string(1000, (*all)[at]) + "\n");
  }
}

}  // namespace
}  // namespace weft::client
