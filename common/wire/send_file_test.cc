// Replies whose payload comes from files.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

constexpr size_t kFileBytes = 3 << 20;

class SendFileTest : public testing::Test {
 protected:
  SendFileTest()
      : bytes_(Pattern(kFileBytes)),
        file_(::memfd_create("send_file_test", MFD_CLOEXEC)),
        handler_([this](const Request&, Responder& responder) {
          MutexLock lock(&mutex_);
          responder.OkFromFile(BytesValue(), ranges_);
        }),
        server_(StartServer(handler_)),
        channel_(ChannelTo(server_->address())) {
    EXPECT_EQ(::pwrite(file_.get(), bytes_.data(), bytes_.size(), 0),
              static_cast<ssize_t>(bytes_.size()));
  }

  FileRange Range(uint64_t offset_bytes, uint32_t length_bytes) const {
    return {.fd = file_.get(), .offset_bytes = offset_bytes, .length_bytes = length_bytes};
  }
  static FileRange Hole(uint32_t length_bytes) { return {.length_bytes = length_bytes}; }

  void Set(std::vector<FileRange> ranges) {
    MutexLock lock(&mutex_);
    ranges_ = std::move(ranges);
  }

  // What must arrive.
  std::vector<std::byte> Expected(const std::vector<FileRange>& ranges) const {
    std::vector<std::byte> expected;
    for (const FileRange& range : ranges) {
      if (range.fd < 0) {
        expected.resize(expected.size() + range.length_bytes);
      } else {
        const auto from = bytes_.begin() + static_cast<ptrdiff_t>(range.offset_bytes);
        expected.insert(expected.end(), from, from + range.length_bytes);
      }
    }
    return expected;
  }

  absl::StatusOr<std::vector<std::byte>> Fetch(size_t room) {
    const BytesValue request;
    std::vector<std::byte> received(room, std::byte{0xEE});
    const iovec piece = Piece(received);
    WEFT_ASSIGN_OR_RETURN(const size_t got, channel_->Call({.method = kCall,
                                                            .request = &request,
                                                            .receive = std::span(&piece, 1),
                                                            .timeout = kLong}));
    received.resize(got);
    return received;
  }

  const std::vector<std::byte> bytes_;
  const UniqueFd file_;
  Mutex mutex_;
  std::vector<FileRange> ranges_ WEFT_GUARDED_BY(mutex_);
  TestHandler handler_;
  const std::unique_ptr<Server> server_;
  const std::unique_ptr<Channel> channel_;
};

TEST_F(SendFileTest, RangesAndHolesArriveInOrder) {
  const std::vector<std::vector<FileRange>> cases = {
      {},
      {Range(0, kFileBytes)},
      {Range(1, 1)},
      {Range(4096, 1 << 20)},
      {Hole(1)},
      {Hole(3 << 20)},
      {Hole(100), Range(5, 4096), Hole(70'000), Range(kFileBytes - 1, 1)},
      {Range(100, 10), Range(50, 10), Range(0, 0), Hole(0), Range(8192, 100'000), Hole(4096)},
      std::vector<FileRange>(1000, Range(12345, 777)),
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    Set(cases[i]);
    const std::vector<std::byte> expected = Expected(cases[i]);
    const auto received = Fetch(expected.size());
    ASSERT_TRUE(received.ok()) << i << ": " << received.status();
    EXPECT_TRUE(*received == expected) << i;
  }
}

// The length is promised before the file is read: only ending the connection tells the receiver.
TEST_F(SendFileTest, AFileThatIsTooShortEndsTheConnection) {
  Set({Range(0, 1 << 20), Range(kFileBytes - 10, 20)});
  EXPECT_TRUE(IsTransport(Fetch(2 << 20).status()));
  Set({Range(0, 10)});
  EXPECT_TRUE(Fetch(10).ok());
}

}  // namespace
}  // namespace weft::wire
