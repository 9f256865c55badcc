#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

class ReadDirTest : public testing::Test {
 protected:
  absl::StatusOr<proto::ReadDirReply> Page(InodeId directory, std::string_view after = {},
                                           uint32_t max_entries = 0, bool want_attrs = false) {
    proto::ReadDirRequest request;
    request.set_inode_id(directory.value());
    request.set_after_name(std::string(after));
    request.set_max_entries(max_entries);
    request.set_want_attrs(want_attrs);
    return ns_->ReadDir(request);
  }

  TestNamespace ns_;
};

TEST_F(ReadDirTest, AnEmptyDirectory) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  ns_.MakeFile(kRootInode, "behind");
  const auto page = Page(d);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->entries_size(), 0);
  EXPECT_TRUE(page->at_end());
  EXPECT_EQ(page->parent_id(), kRootInode.value());
}

TEST_F(ReadDirTest, InTheOrderOfNames) {
  const std::vector<std::string> names = {"\x01", "a", "a\x01", "a.b", "b", "\xff\xfe"};
  for (auto name = names.rbegin(); name != names.rend(); ++name) ns_.MakeFile(kRootInode, *name);
  for (const uint32_t page_entries : {0, 1, 2, 3, 6}) {
    EXPECT_EQ(ns_.List(kRootInode, page_entries), names) << page_entries;
  }
}

TEST_F(ReadDirTest, EntriesAndAttributes) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId l = TestNamespace::Good(ns_.Make(kRootInode, "l", proto::SYMLINK, "t"));
  auto page = Page(kRootInode);
  ASSERT_EQ(page->entries_size(), 2);
  EXPECT_EQ(page->entries(0).inode_id(), d.value());
  EXPECT_EQ(page->entries(0).type(), proto::DIRECTORY);
  EXPECT_FALSE(page->entries(0).has_attr());
  page = Page(kRootInode, {}, 0, /*want_attrs=*/true);
  ASSERT_EQ(page->entries_size(), 2);
  EXPECT_EQ(page->entries(1).attr().SerializeAsString(), ns_.Get(l).SerializeAsString());
}

TEST_F(ReadDirTest, TheCursorNeedNotExist) {
  for (const char* name : {"a", "c", "e"}) ns_.MakeFile(kRootInode, name);
  EXPECT_EQ(Page(kRootInode, "b")->entries(0).name(), "c");
  EXPECT_EQ(Page(kRootInode, "c")->entries(0).name(), "e");
  EXPECT_EQ(Page(kRootInode, "e")->entries_size(), 0);
  EXPECT_TRUE(Page(kRootInode, "e")->at_end());
}

TEST_F(ReadDirTest, PagesAreBounded) {
  constexpr int kFiles = 5000;
  const std::string padding(240, 'x');
  for (int i = 0; i < kFiles; ++i) ns_.MakeFile(kRootInode, padding + std::to_string(i));
  for (const bool want_attrs : {false, true}) {
    std::string cursor;
    int seen = 0;
    for (int pages = 0;; ++pages) {
      ASSERT_LT(pages, kFiles);
      const auto page = Page(kRootInode, cursor, 1'000'000, want_attrs);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_LE(page->entries_size(), 4096);
      EXPECT_LT(page->ByteSizeLong(), size_t{1100} * 1024);
      seen += page->entries_size();
      if (page->at_end()) break;
      cursor = page->entries().rbegin()->name();
    }
    EXPECT_EQ(seen, kFiles);
  }
}

TEST_F(ReadDirTest, Errors) {
  EXPECT_EQ(ErrnoOf(Page(ns_.MakeFile(kRootInode, "f"))), ENOTDIR);
  EXPECT_EQ(ErrnoOf(Page(InodeId(4711))), ESTALE);
}

}  // namespace
}  // namespace weft::metadata
