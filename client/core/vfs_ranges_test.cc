// Holes and copies: fallocate, SEEK_DATA and SEEK_HOLE, copies between files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include <random>

#include "client/core/testing/vfs_fixture.h"
#include "common/limits.h"

namespace weft::client {
namespace {

using SeekFor = Vfs::SeekFor;

class RangesTest : public VfsFixture {
 protected:
  // -errno, or where it is.
  static int64_t Seek(Vfs& vfs, const Opened& file, SeekFor what, uint64_t offset) {
    const auto found = vfs.Seek(file.handle, what, offset);
    return found.ok() ? static_cast<int64_t>(*found) : -ErrnoOf(found.status());
  }
  // Copies all that is asked for, in as many calls as it takes.
  void Copy(Vfs& vfs, const Opened& from, uint64_t from_offset, const Opened& to,
            uint64_t to_offset, uint64_t length) {
    while (length > 0) {
      const auto copied = vfs.CopyRange(from.handle, from_offset, to.handle, to_offset, length);
      ASSERT_TRUE(copied.ok()) << copied.status();
      if (*copied == 0) return;
      from_offset += *copied;
      to_offset += *copied;
      length -= *copied;
    }
  }
};

TEST_F(RangesTest, DataAndHolesAreFound) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 2 * kChunk, Text(1, kChunk + 100));  // goes on in the next chunk
  Write(*vfs, file.handle, 9 * kChunk + kBlockBytes, Text(2, kBlockBytes));
  Resize(*vfs, file, 20 * kChunk);
  const auto data_end = static_cast<int64_t>(3 * kChunk + kBlockBytes);  // in whole blocks or bytes
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kData, 0), 2 * kChunk);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kData, 2 * kChunk + 5), 2 * kChunk + 5);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kHole, 0), 0);
  const int64_t hole = Seek(*vfs, file, SeekFor::kHole, 2 * kChunk);
  EXPECT_GE(hole, 3 * kChunk + 100);
  EXPECT_LE(hole, data_end);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kData, 4 * kChunk), 9 * kChunk + kBlockBytes);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kHole, 9 * kChunk + kBlockBytes + 1),
            9 * kChunk + 2 * kBlockBytes);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kData, 10 * kChunk), -ENXIO);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kHole, 10 * kChunk), 10 * kChunk);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kHole, 20 * kChunk), -ENXIO);
  EXPECT_EQ(Seek(*vfs, file, SeekFor::kData, 20 * kChunk), -ENXIO);
}

TEST_F(RangesTest, TheEndOfAFileIsAHole) {
  auto vfs = cluster_.Mount();
  const Opened small = Create(*vfs, "small");
  Write(*vfs, small.handle, 0, "0123456789");
  EXPECT_EQ(Seek(*vfs, small, SeekFor::kData, 3), 3);
  EXPECT_EQ(Seek(*vfs, small, SeekFor::kHole, 3), 10);
  EXPECT_EQ(Seek(*vfs, small, SeekFor::kHole, 10), -ENXIO);
  const Opened large = Create(*vfs, "large");
  Write(*vfs, large.handle, 0, Text(1, 5 * kChunk));
  EXPECT_EQ(Seek(*vfs, large, SeekFor::kHole, 3), 5 * kChunk);
  EXPECT_EQ(Seek(*vfs, large, SeekFor::kData, 5 * kChunk - 1), 5 * kChunk - 1);
}

TEST_F(RangesTest, ARangeOfZerosMayReachBeyondTheEnd) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  std::string text = Text(1, 3 * kChunk);
  Write(*vfs, file.handle, 0, text);
  const int zero = FALLOC_FL_ZERO_RANGE;
  ASSERT_TRUE(vfs->Fallocate(file.handle, zero, 100, kChunk).ok());
  text.replace(100, kChunk, kChunk, '\0');
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  ASSERT_TRUE(vfs->Fallocate(file.handle, zero | FALLOC_FL_KEEP_SIZE, 2 * kChunk, 5 * kChunk).ok());
  text.replace(2 * kChunk, kChunk, kChunk, '\0');
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
  ASSERT_TRUE(vfs->Fallocate(file.handle, zero, 3 * kChunk - 10, 100).ok());
  text.resize(3 * kChunk + 90);
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
}

TEST_F(RangesTest, PreallocationWantsSpaceAndMayKeepTheSize) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  Write(*vfs, file.handle, 0, Text(1, 2 * kChunk));
  ASSERT_TRUE(vfs->Fallocate(file.handle, FALLOC_FL_KEEP_SIZE, 0, 10 * kChunk).ok());
  EXPECT_EQ(Size(*vfs, file), 2 * kChunk);
  cluster_.metadata().SetFreeBytes(kChunk);
  EXPECT_EQ(ErrnoOf(vfs->Fallocate(file.handle, 0, 0, 10 * kChunk)), ENOSPC);
  EXPECT_EQ(Size(*vfs, file), 2 * kChunk);
  EXPECT_TRUE(vfs->Fallocate(file.handle, 0, 0, 3 * kChunk).ok()) << "two are there already";
  EXPECT_EQ(Size(*vfs, file), 3 * kChunk);
}

TEST_F(RangesTest, ChunksAreCopiedByTheServers) {
  auto vfs = cluster_.Mount();
  const Opened source = Create(*vfs, "source");
  const std::string text = Text(1, 20 * kChunk + 1234);
  Write(*vfs, source.handle, 0, text);
  const Opened copy = Create(*vfs, "copy");
  ASSERT_TRUE(vfs->Flush(source.handle).ok());
  const uint64_t reads = cluster_.StorageCalls(proto::READ_CHUNK);
  Copy(*vfs, source, 0, copy, 0, text.size() + 1000);
  EXPECT_GE(cluster_.StorageCalls(proto::COPY_CHUNK), 18u);
  EXPECT_LE(cluster_.StorageCalls(proto::READ_CHUNK), reads + 4) << "only the first bytes";
  EXPECT_TRUE(SameBytes(Read(*vfs, copy.handle), text));
  ASSERT_TRUE(vfs->Fsync(copy.handle).ok());
  auto other = cluster_.Mount();
  EXPECT_TRUE(SameBytes(Read(*other, Open(*other, "copy").handle), text));
}

TEST_F(RangesTest, CopiesAtOddPlacesMatchAModel) {
  auto vfs = cluster_.Mount();
  const Opened source = Create(*vfs, "source");
  const Opened copy = Create(*vfs, "copy");
  std::string from = Text(1, 8 * kChunk);
  from.replace(3 * kChunk, 2 * kChunk, 2 * kChunk, '\0');
  Write(*vfs, source.handle, 0, from.substr(0, 3 * kChunk));
  Write(*vfs, source.handle, 5 * kChunk, from.substr(5 * kChunk));
  std::string to = Text(2, 6 * kChunk);
  Write(*vfs, copy.handle, 0, to);
  std::mt19937 random(testing::UnitTest::GetInstance()->random_seed());
  for (int i = 0; i < 40; ++i) {
    const uint64_t from_offset = random() % from.size();
    const uint64_t length = std::min<uint64_t>(random() % (3 * kChunk), from.size() - from_offset);
    const uint64_t to_offset = random() % (7 * kChunk);
    Copy(*vfs, source, from_offset, copy, to_offset, length);
    if (to.size() < to_offset + length && length > 0) to.resize(to_offset + length);
    to.replace(to_offset, length, from, from_offset, length);
    ASSERT_TRUE(SameBytes(Read(*vfs, copy.handle), to))
        << i << ": " << from_offset << " -> " << to_offset << " " << length;
  }
}

TEST_F(RangesTest, ACopyWithinAFile) {
  auto vfs = cluster_.Mount();
  const Opened file = Create(*vfs, "a");
  std::string text = Text(1, 6 * kChunk);
  Write(*vfs, file.handle, 0, text);
  Copy(*vfs, file, 100, file, 3 * kChunk + 17, 2 * kChunk);
  text.replace(3 * kChunk + 17, 2 * kChunk, text, 100, 2 * kChunk);
  EXPECT_TRUE(SameBytes(Read(*vfs, file.handle), text));
}

TEST_F(RangesTest, HolesAreCopiedAsHoles) {
  auto vfs = cluster_.Mount();
  const Opened source = Create(*vfs, "source");
  Write(*vfs, source.handle, 0, Text(1, kChunk));
  Resize(*vfs, source, 50 * kChunk);
  const Opened copy = Create(*vfs, "copy");
  const size_t chunks = cluster_.ChunkCount();
  Copy(*vfs, source, 0, copy, 0, 50 * kChunk);
  EXPECT_EQ(Size(*vfs, copy), 50 * kChunk);
  EXPECT_LE(cluster_.ChunkCount(), chunks + 2);
  EXPECT_TRUE(SameBytes(Read(*vfs, copy.handle), Read(*vfs, source.handle)));
}

TEST_F(RangesTest, SmallFilesAreCopiedThroughTheClient) {
  auto vfs = cluster_.Mount();
  const Opened source = Create(*vfs, "source");
  Write(*vfs, source.handle, 0, "hello");
  const Opened copy = Create(*vfs, "copy");
  Copy(*vfs, source, 1, copy, 2, 100);
  EXPECT_EQ(Read(*vfs, copy.handle), std::string("\0\0ello", 6));
  EXPECT_EQ(vfs->CopyRange(source.handle, 5, copy.handle, 0, 10).value(), 0u);
  EXPECT_EQ(cluster_.StorageCalls(proto::COPY_CHUNK), 0u);
}

TEST_F(RangesTest, ACopyThatFailsSaysSo) {
  auto vfs = cluster_.Mount();
  const Opened source = Create(*vfs, "source");
  Write(*vfs, source.handle, 0, Text(1, 10 * kChunk));
  const Opened copy = Create(*vfs, "copy");
  Write(*vfs, copy.handle, 0, Text(2, 2 * kChunk));
  ASSERT_TRUE(vfs->Flush(source.handle).ok());
  ASSERT_TRUE(vfs->Flush(copy.handle).ok());
  cluster_.SetFault(FakeStorage::Fault::kNoSpace);
  EXPECT_EQ(ErrnoOf(vfs->CopyRange(source.handle, 0, copy.handle, 2 * kChunk, 5 * kChunk).status()),
            ENOSPC);
  cluster_.SetFault(FakeStorage::Fault::kNone);
  const OpenFlags kRead{true, false, false};
  const Opened reader = Open(*vfs, "copy", kRead);
  EXPECT_EQ(ErrnoOf(vfs->CopyRange(source.handle, 0, reader.handle, 0, 5).status()), EBADF);
}

}  // namespace
}  // namespace weft::client
