#include "storage-server/chunks/content_mark.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "common/status.h"
#include "storage-server/chunks/row.h"

namespace weft::storage {
namespace {

TEST(ContentMarkTest, MarksComeBack) {
  const ContentMark cut = DecodeMark(EncodeMark({.cut = UINT32_MAX})).value();
  EXPECT_EQ(cut.cut, UINT32_MAX);
  EXPECT_FALSE(cut.removed);
  const ContentMark removed =
      DecodeMark(EncodeMark({.removed = true, .removed_at_s = 1'700'000'000})).value();
  EXPECT_TRUE(removed.removed);
  EXPECT_EQ(removed.removed_at_s, 1'700'000'000u);
}

TEST(ContentMarkTest, OtherBytesAreDamage) {
  for (const char* bytes : {"", "cut", "cut ", "cut x", "cut 1 ", "cut 4294967296", "removed",
                            "removed -1", "removed 1x", "Cut 1"}) {
    EXPECT_EQ(ErrnoOf(DecodeMark(bytes).status()), EIO) << bytes;
  }
}

TEST(ContentMarkTest, RemovalsStandInTheOrderOfTime) {
  const Removal removal = RemovalOfKey(KeyOfRemoval({256, ContentId(5)})).value();
  EXPECT_EQ(removal.at_s, 256u);
  EXPECT_EQ(removal.content, ContentId(5));
  EXPECT_LT(KeyOfRemoval({255, ContentId(UINT64_MAX)}), KeyOfRemoval({256, ContentId(1)}));
  EXPECT_EQ(ErrnoOf(RemovalOfKey(KeyOfMark(ContentId(1))).status()), EIO);
  EXPECT_EQ(ErrnoOf(RemovalOfKey("").status()), EIO);
}

TEST(ContentMarkTest, NoMarkStandsAmongTheChunks) {
  const std::string first = KeyOf({ContentId(), 0});
  const std::string last = KeyOf({ContentId(UINT64_MAX), UINT32_MAX});
  for (const uint64_t id : {uint64_t{0}, UINT64_MAX}) {
    for (const std::string& key : {KeyOfMark(ContentId(id)), KeyOfRemoval({id, ContentId(id)})}) {
      EXPECT_TRUE(key < first || key > last);
    }
  }
}

}  // namespace
}  // namespace weft::storage
