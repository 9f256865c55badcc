#include "common/wire/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "common/limits.h"
#include "common/wire/wire_test_util.h"

namespace weft::wire {
namespace {

TEST(ServerTest, PayloadsOfEverySizeComeBack) {
  TestHandler handler;
  const auto server = StartServer(handler);
  const auto channel = ChannelTo(server->address());
  for (const size_t around :
       {size_t{0}, size_t{4096}, kReadAheadBytes, size_t{64 * 1024}, size_t{1} << 20}) {
    for (const size_t bytes : {around - 1, around, around + 1}) {
      if (bytes > size_t{1} << 21) continue;  // below 0
      EXPECT_TRUE(Echo(*channel, "text", bytes).ok()) << bytes;
    }
  }
  // The head alone and the head with its payload, at the end of what is read ahead.
  for (size_t bytes = kReadAheadBytes - 100; bytes < kReadAheadBytes + 10; ++bytes) {
    EXPECT_TRUE(Echo(*channel, std::string(bytes, 'x'), 0).ok()) << bytes;
    EXPECT_TRUE(Echo(*channel, "text", bytes).ok()) << bytes;
    EXPECT_TRUE(Echo(*channel, std::string(bytes, 'x'), 5000).ok()) << bytes;
  }
}

}  // namespace
}  // namespace weft::wire
