#include "metadata-server/namespace/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace weft::metadata {
namespace {

using namespace std::string_literals;

// Bytes on disk: they may never change.
TEST(KeysTest, AreTheseBytes) {
  EXPECT_EQ(InodeKey(InodeId(0x0102030405060708)), "\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_EQ(ContentKey(ContentId(1)), "\0\0\0\0\0\0\0\1"s);
  EXPECT_EQ(DentryKey(InodeId(1), "a\xff"), "\0\0\0\0\0\0\0\1a\xff"s);
  EXPECT_EQ(XattrKey(InodeId(1), "user.x"), "\0\0\0\0\0\0\0\1user.x"s);
}

TEST(KeysTest, AreReadBack) {
  for (const uint64_t id : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, UINT64_MAX}) {
    EXPECT_EQ(InodeOfKey(InodeKey(InodeId(id))), InodeId(id));
    EXPECT_EQ(ContentOfKey(ContentKey(ContentId(id))), ContentId(id));
    EXPECT_EQ(InodeOfKey(DentryKey(InodeId(id), "name")), InodeId(id));
    EXPECT_EQ(NameOfKey(DentryKey(InodeId(id), "name")), "name");
  }
}

TEST(KeysTest, OrderIsThatOfIdsAndThenOfNames) {
  const std::vector<std::string> keys = {
      DentryKey(InodeId(1), "\xff\xff"), DentryKey(InodeId(2), "a"),  DentryKey(InodeId(2), "a\1"),
      DentryKey(InodeId(2), "b"),        DentryKey(InodeId(255), ""), DentryKey(InodeId(256), "")};
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

}  // namespace
}  // namespace weft::metadata
