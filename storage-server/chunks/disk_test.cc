// What both disks, and both indexes, must do alike.
#include "storage-server/chunks/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "common/status.h"
#include "storage-server/chunks/aligned_buffer.h"
#include "storage-server/chunks/chunk_index.h"
#include "storage-server/chunks/testing/chunk_helpers.h"
#include "storage-server/chunks/testing/fault_disk.h"
#include "storage-server/chunks/testing/memory_index.h"

namespace weft::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kFileBytes = 16 * kBlockBytes;

enum class Kind { kReal, kSimulated };

std::string NameOfKind(const testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::kReal ? "Real" : "Simulated";
}

class DiskTest : public testing::TestWithParam<Kind> {
 protected:
  DiskTest() {
    if (GetParam() == Kind::kReal) {
      disk_ = OpenPosixDisk(directory_.path()).value();
    } else {
      disk_ = fault_disk_.Connect();
    }
  }

  static AlignedBuffer Blocks(uint32_t count, uint32_t seed) {
    AlignedBuffer buffer(size_t{count} * kBlockBytes);
    const Bytes random = RandomBytes(buffer.bytes().size(), seed);
    std::copy(random.begin(), random.end(), buffer.bytes().begin());
    return buffer;
  }

  std::unique_ptr<File> MakeFile(std::string_view name) {
    std::unique_ptr<File> file = disk_->Create(name).value();
    EXPECT_TRUE(file->Preallocate(kFileBytes).ok());
    EXPECT_TRUE(file->Sync().ok());
    EXPECT_TRUE(disk_->SyncDirectory().ok());
    return file;
  }

  TemporaryDirectory directory_;
  PowerSwitch power_;
  FaultDisk fault_disk_{&power_, 1u << 30, 1};
  std::shared_ptr<Disk> disk_;
};

TEST_P(DiskTest, WhatIsWrittenIsReadThroughBothWays) {
  const std::unique_ptr<File> file = MakeFile("a");
  EXPECT_EQ(file->Size().value(), kFileBytes);
  const AlignedBuffer written = Blocks(3, 1);
  ASSERT_TRUE(file->Write(2 * kBlockBytes, written.bytes()).ok());
  ASSERT_TRUE(file->Sync().ok());
  const AlignedBuffer read(3 * kBlockBytes);
  ASSERT_TRUE(file->Read(2 * kBlockBytes, read.bytes()).ok());
  EXPECT_TRUE(std::ranges::equal(read.bytes(), written.bytes()));
  Bytes cached(3 * kBlockBytes);
  ASSERT_EQ(::pread(file->descriptor(), cached.data(), cached.size(), 2 * kBlockBytes),
            static_cast<ssize_t>(cached.size()));
  EXPECT_TRUE(std::ranges::equal(cached, written.bytes()));
}

TEST_P(DiskTest, OverwritingIsSeenThroughTheCacheToo) {
  const std::unique_ptr<File> file = MakeFile("a");
  Bytes cached(kBlockBytes);
  for (uint32_t seed = 1; seed < 5; ++seed) {
    const AlignedBuffer written = Blocks(1, seed);
    ASSERT_TRUE(file->Write(0, written.bytes()).ok());
    ASSERT_EQ(::pread(file->descriptor(), cached.data(), cached.size(), 0), kBlockBytes);
    EXPECT_TRUE(std::ranges::equal(cached, written.bytes()));
  }
  EXPECT_TRUE(file->Sync().ok());
}

TEST_P(DiskTest, PreallocatedBlocksReadAsZeros) {
  const std::unique_ptr<File> file = MakeFile("a");
  const AlignedBuffer read(kBlockBytes);
  ASSERT_TRUE(file->Read(kFileBytes - kBlockBytes, read.bytes()).ok());
  EXPECT_THAT(read.bytes(), testing::Each(std::byte{0}));
}

TEST_P(DiskTest, ReadingBeyondTheEndFails) {
  const std::unique_ptr<File> file = MakeFile("a");
  const AlignedBuffer read(2 * kBlockBytes);
  EXPECT_EQ(ErrnoOf(file->Read(kFileBytes - kBlockBytes, read.bytes())), EIO);
}

TEST_P(DiskTest, FilesByName) {
  EXPECT_THAT(disk_->List().value(), IsEmpty());
  MakeFile("b");
  MakeFile("a");
  EXPECT_THAT(disk_->List().value(), ElementsAre("a", "b"));
  EXPECT_EQ(ErrnoOf(disk_->Create("a").status()), EEXIST);
  EXPECT_EQ(ErrnoOf(disk_->Open("c").status()), ENOENT);
  EXPECT_EQ(disk_->Open("b").value()->Size().value(), kFileBytes);
  EXPECT_TRUE(disk_->Remove("a").ok());
  EXPECT_EQ(ErrnoOf(disk_->Remove("a")), ENOENT);
  EXPECT_THAT(disk_->List().value(), ElementsAre("b"));
}

TEST_P(DiskTest, UsageIsPlausible) {
  const Disk::Usage usage = disk_->GetUsage().value();
  EXPECT_GT(usage.total_bytes, 0u);
  EXPECT_LE(usage.free_bytes, usage.total_bytes);
}

INSTANTIATE_TEST_SUITE_P(Both, DiskTest, testing::Values(Kind::kReal, Kind::kSimulated),
                         NameOfKind);

TEST(FaultDisk, LosesOnlyWhatWasNotSynced) {
  PowerSwitch power;
  FaultDisk machine(&power, 1u << 30, /*seed=*/1);
  std::shared_ptr<Disk> disk = machine.Connect();
  std::unique_ptr<File> file = disk->Create("a").value();
  ASSERT_TRUE(file->Preallocate(kFileBytes).ok());
  ASSERT_TRUE(disk->SyncDirectory().ok());
  const AlignedBuffer ones(kFileBytes / 2);
  std::memset(ones.bytes().data(), 1, ones.bytes().size());
  ASSERT_TRUE(file->Write(0, ones.bytes()).ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Write(kFileBytes / 2, ones.bytes()).ok());
  power.TurnOff();
  EXPECT_EQ(ErrnoOf(file->Sync()), EIO);
  machine.PowerLoss();
  power.TurnOn();
  EXPECT_EQ(ErrnoOf(file->Sync()), EIO) << "what was open stays dead";

  disk = machine.Connect();
  file = disk->Open("a").value();
  const AlignedBuffer all(kFileBytes);
  ASSERT_TRUE(file->Read(0, all.bytes()).ok());
  EXPECT_THAT(all.bytes().first(kFileBytes / 2), testing::Each(std::byte{1}));
  EXPECT_THAT(all.bytes().subspan(kFileBytes / 2), testing::Contains(std::byte{0}));
}

class IndexTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    index_.reset();
    if (GetParam() == Kind::kReal) {
      index_ = OpenRocksIndex(directory_.path() + "/index", IndexMode::kCreate).value();
    } else {
      index_ = memory_index_.Connect();
    }
  }

  void Put(const std::string& key, std::optional<std::string> value) {
    const ChunkIndex::Change change{key, std::move(value)};
    ASSERT_TRUE(index_->Apply({&change, 1}).ok());
  }

  std::vector<std::string> Keys(std::string_view first, std::string_view end, size_t limit = 100) {
    std::vector<std::string> keys;
    EXPECT_TRUE(index_
                    ->Scan(first, end,
                           [&](std::string_view key, std::string_view) {
                             keys.emplace_back(key);
                             return keys.size() < limit;
                           })
                    .ok());
    return keys;
  }

  TemporaryDirectory directory_;
  PowerSwitch power_;
  MemoryIndex memory_index_{&power_, 1};
  std::shared_ptr<ChunkIndex> index_;
};

TEST_P(IndexTest, PutGetDeleteScan) {
  Put("a", "1");
  Put("b", std::string("\0x", 2));
  Put("c", "");
  EXPECT_EQ(index_->Get("b").value(), std::string("\0x", 2));
  EXPECT_EQ(index_->Get("c").value(), "");
  EXPECT_EQ(index_->Get("d").value(), std::nullopt);
  Put("a", std::nullopt);
  EXPECT_EQ(index_->Get("a").value(), std::nullopt);
  EXPECT_THAT(Keys("a", "z"), ElementsAre("b", "c"));
  EXPECT_THAT(Keys("b", "c"), ElementsAre("b"));
  EXPECT_THAT(Keys("a", "z", 1), ElementsAre("b"));
  EXPECT_TRUE(index_->Sync().ok());
}

TEST_P(IndexTest, ABatchIsInOrder) {
  const std::vector<ChunkIndex::Change> batch = {
      {"k", "1"}, {"k", std::nullopt}, {"l", "2"}, {"l", "3"}};
  ASSERT_TRUE(index_->Apply(batch).ok());
  EXPECT_EQ(index_->Get("k").value(), std::nullopt);
  EXPECT_EQ(index_->Get("l").value(), "3");
}

TEST_P(IndexTest, KeepsWhatItWasGiven) {
  Put("a", "1");
  Reopen();
  EXPECT_EQ(index_->Get("a").value(), "1");
}

INSTANTIATE_TEST_SUITE_P(Both, IndexTest, testing::Values(Kind::kReal, Kind::kSimulated),
                         NameOfKind);

TEST(RocksIndex, IsNotMadeWhereItShouldExist) {
  TemporaryDirectory directory;
  EXPECT_FALSE(OpenRocksIndex(directory.path() + "/index", IndexMode::kExisting).ok());
}

}  // namespace
}  // namespace weft::storage
