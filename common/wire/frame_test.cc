#include "common/wire/frame.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "common/limits.h"
#include "common/status.h"
#include "common/wire/iovec_cursor.h"
#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

using Encoded = std::array<std::byte, kFrameHeaderBytes>;

FrameHeader Example() {
  return {.version = 3,
          .kind = FrameKind::kReply,
          .method = 0x1234,
          .status = ENOSPC,
          .request_id = 0x0102030405060708,
          .message_bytes = 77,
          .payload_bytes = kMaxWirePayloadBytes};
}

TEST(FrameTest, HeaderComesBack) {
  const auto decoded = DecodeFrameHeader(EncodeFrameHeader(Example()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->version, 3);
  EXPECT_EQ(decoded->kind, FrameKind::kReply);
  EXPECT_EQ(decoded->method, 0x1234);
  EXPECT_EQ(decoded->status, ENOSPC);
  EXPECT_EQ(decoded->request_id, 0x0102030405060708U);
  EXPECT_EQ(decoded->message_bytes, 77U);
  EXPECT_EQ(decoded->payload_bytes, kMaxWirePayloadBytes);
}

// The format itself: other releases read it.
TEST(FrameTest, HeaderIsTheseBytes) {
  const Encoded encoded = EncodeFrameHeader(Example());
  const std::vector<uint8_t> expected = {'W',  'E',  'F',    'T',  3,  4, 0x34, 0x12, 0,    0,
                                         0,    0,    ENOSPC, 0,    0,  0, 0x08, 0x07, 0x06, 0x05,
                                         0x04, 0x03, 0x02,   0x01, 77, 0, 0,    0,    0,    0,
                                         0,    4,    0,      0,    0,  0, 0,    0,    0,    0};
  ASSERT_EQ(expected.size(), encoded.size());
  EXPECT_EQ(std::memcmp(expected.data(), encoded.data(), encoded.size()), 0);
}

TEST(FrameTest, BrokenHeadersAreRefused) {
  const auto refused = [](const std::function<void(Encoded&)>& breaking) {
    Encoded encoded = EncodeFrameHeader(Example());
    breaking(encoded);
    return ErrnoOf(DecodeFrameHeader(encoded).status()) == EPROTO;
  };
  EXPECT_FALSE(refused([](Encoded&) {}));
  for (size_t at = 0; at < 4; ++at) {
    EXPECT_TRUE(refused([at](Encoded& bytes) { bytes[at] ^= std::byte{1}; })) << "magic";
  }
  EXPECT_TRUE(refused([](Encoded& bytes) { bytes[5] = std::byte{0}; })) << "kind";
  EXPECT_TRUE(refused([](Encoded& bytes) { bytes[5] = std::byte{5}; })) << "kind";
  for (size_t at = 8; at < 12; ++at) {
    EXPECT_TRUE(refused([at](Encoded& bytes) { bytes[at] = std::byte{1}; })) << "flags";
  }
  for (size_t at = 32; at < 40; ++at) {
    EXPECT_TRUE(refused([at](Encoded& bytes) { bytes[at] = std::byte{1}; })) << "reserved";
  }
}

TEST(FrameTest, LengthsAreBounded) {
  FrameHeader header = Example();
  header.message_bytes = kMaxWireHeaderBytes;
  EXPECT_TRUE(DecodeFrameHeader(EncodeFrameHeader(header)).ok());
  header.message_bytes = kMaxWireHeaderBytes + 1;
  EXPECT_EQ(ErrnoOf(DecodeFrameHeader(EncodeFrameHeader(header)).status()), EPROTO);
  header.message_bytes = 0;
  header.payload_bytes = kMaxWirePayloadBytes + 1;
  EXPECT_EQ(ErrnoOf(DecodeFrameHeader(EncodeFrameHeader(header)).status()), EPROTO);
}

// The pieces in steps of every size, against the bytes joined.
TEST(IovecCursorTest, VisitsEachByteOnce) {
  std::vector<std::byte> bytes = Pattern(700);
  std::vector<iovec> pieces;
  const auto piece = [&](size_t from, size_t size) {
    pieces.push_back({bytes.data() + from, size});
  };
  piece(0, 0);
  for (size_t i = 0; i < 200; ++i) piece(i, 1);  // more than one batch
  piece(200, 0);
  piece(200, 500);
  piece(700, 0);
  for (const size_t limit : {size_t{0}, size_t{1}, size_t{199}, size_t{450}, size_t{700}}) {
    for (size_t step = 1; step < 300; step += 7) {
      IovecCursor cursor(std::span(bytes).first(10), pieces, limit + 10);
      std::vector<std::byte> seen;
      while (cursor.left_bytes() > 0) {
        size_t taken = 0;
        for (const iovec& next : cursor.Next()) {
          const size_t part = std::min(next.iov_len, step - taken);
          const auto* const from = static_cast<const std::byte*>(next.iov_base);
          seen.insert(seen.end(), from, from + part);
          taken += part;
        }
        ASSERT_GT(taken, 0U);
        cursor.Advance(taken);
      }
      std::vector<std::byte> expected(bytes.begin(), bytes.begin() + 10);
      expected.insert(expected.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(limit));
      ASSERT_EQ(seen, expected) << "limit " << limit << " step " << step;
    }
  }
}

TEST(IovecCursorTest, CopiesInAcrossPieces) {
  std::vector<std::byte> to(10);
  const std::vector<iovec> pieces = {{to.data(), 3}, {to.data() + 3, 0}, {to.data() + 3, 7}};
  const std::vector<std::byte> from = Pattern(8);
  IovecCursor cursor(pieces, 8);
  cursor.CopyIn(std::span(from).first(2));
  cursor.CopyIn(std::span(from).subspan(2));
  EXPECT_EQ(cursor.left_bytes(), 0U);
  EXPECT_TRUE(cursor.Next().empty());
  EXPECT_TRUE(std::equal(from.begin(), from.end(), to.begin()));
  EXPECT_EQ(to[8], std::byte{0});
}

}  // namespace
}  // namespace weft::wire
