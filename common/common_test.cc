#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "common/crc32c.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/status.h"
#include "common/uuid.h"

namespace weft {
namespace {

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(StatusTest, EveryErrnoSurvives) {
  for (int error = 1; error < 134; ++error) {
    const absl::Status status = PosixError(error, "x");
    EXPECT_EQ(ErrnoOf(status), error) << std::strerror(error);
    EXPECT_EQ(ErrnoOf(Annotate(status, "context")), error);
    EXPECT_FALSE(IsTransport(status)) << std::strerror(error);
  }
}

TEST(StatusTest, TransportErrorsAreToldApart) {
  EXPECT_TRUE(IsTransport(TransportError("gone")));
  EXPECT_EQ(ErrnoOf(TransportError("gone")), EIO);
  EXPECT_FALSE(IsTransport(absl::OkStatus()));
  EXPECT_EQ(ErrnoOf(absl::OkStatus()), 0);
}

TEST(StatusTest, AnnotateKeepsTheTextAndTheError) {
  const absl::Status status = Annotate(PosixError(ENOTEMPTY, "directory"), "rmdir a");
  EXPECT_EQ(MessageOf(status), "rmdir a: directory");
  EXPECT_EQ(ErrnoOf(status), ENOTEMPTY);
}

TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(Crc32c(Bytes("123456789")), 0xE3069283u);  // the check value of the CRC's definition
  EXPECT_EQ(Crc32c({}), 0u);
  const std::vector<std::byte> zeros(32);
  EXPECT_EQ(Crc32c(zeros), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(Crc32cOfZeroBlock(), Crc32c(std::vector<std::byte>(kBlockBytes)));
}

TEST(Crc32cTest, ExtendJoins) {
  EXPECT_EQ(Crc32cExtend(Crc32c(Bytes("1234")), Bytes("56789")), Crc32c(Bytes("123456789")));
}

TEST(Crc32cTest, PiecesAreCutAtBlockBoundaries) {
  const std::vector<std::byte> data(2 * kBlockBytes, std::byte{7});
  const std::span<const std::byte> bytes(data);
  const auto pieces = Crc32cOfPieces(kBlockBytes - 10, bytes);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0], Crc32c(bytes.first(10)));
  EXPECT_EQ(pieces[1], Crc32c(bytes.first(kBlockBytes)));
  EXPECT_EQ(pieces[2], Crc32c(bytes.first(kBlockBytes - 10)));
  EXPECT_TRUE(Crc32cOfPieces(5, {}).empty());
}

TEST(UuidTest, NewOnesAreValidAndDiffer) {
  const std::string a = NewUuid();
  EXPECT_TRUE(IsUuid(a));
  EXPECT_NE(a, NewUuid());
  EXPECT_FALSE(IsUuid("not-a-uuid"));
}

TEST(LimitsTest, LargestFileHasMoreThanFourBillionChunksLessOne) {
  EXPECT_EQ((MaxFileBytes(20) - 1) >> 20, UINT32_MAX);
}

}  // namespace
}  // namespace weft
