#include <gtest/gtest.h>

#include <string>

#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

using Flag = TestNamespace::RenameFlag;

// /a/x/ (a directory with the file y), /a/e/ (empty), /a/f, /b/, /g
class RenameTest : public testing::Test {
 protected:
  RenameTest() { ns_.clock.Advance(std::chrono::seconds(1)); }
  ~RenameTest() override { ns_.ExpectInvariants(); }

  TestNamespace ns_;
  const InodeId root_ = kRootInode;
  const InodeId a_ = ns_.MakeDir(root_, "a");
  const InodeId x_ = ns_.MakeDir(a_, "x");
  const InodeId y_ = ns_.MakeFile(x_, "y");
  const InodeId e_ = ns_.MakeDir(a_, "e");
  const InodeId f_ = ns_.MakeFile(a_, "f");
  const InodeId b_ = ns_.MakeDir(root_, "b");
  const InodeId g_ = ns_.MakeFile(root_, "g");
};

TEST_F(RenameTest, WithinADirectory) {
  EXPECT_EQ(ns_.Rename(a_, "f", a_, "h"), 0);
  EXPECT_EQ(ns_.List(a_), (std::vector<std::string>{"e", "h", "x"}));
  EXPECT_EQ(ns_.Lookup(a_, "h")->inode_id(), f_.value());
  EXPECT_EQ(ns_.Get(f_).ctime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(ns_.Get(a_).mtime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(ns_.Get(a_).nlink(), 4u);
}

TEST_F(RenameTest, AFileToAnotherDirectory) {
  EXPECT_EQ(ns_.Rename(a_, "f", b_, "h"), 0);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(a_, "f")), ENOENT);
  EXPECT_EQ(ns_.Lookup(b_, "h")->inode_id(), f_.value());
  EXPECT_EQ(ns_.Get(f_).parent_id(), b_.value());
  EXPECT_EQ(ns_.Get(a_).mtime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(ns_.Get(b_).mtime_ns(), ns_.clock.WallNs());
}

TEST_F(RenameTest, ADirectoryToAnotherDirectory) {
  EXPECT_EQ(ns_.Rename(a_, "x", b_, "z"), 0);
  EXPECT_EQ(ns_.Get(a_).nlink(), 3u);
  EXPECT_EQ(ns_.Get(b_).nlink(), 3u);
  EXPECT_EQ(ns_.Lookup(x_, "..")->inode_id(), b_.value());
  EXPECT_EQ(ns_.Lookup(x_, "y")->inode_id(), y_.value());
}

TEST_F(RenameTest, OverAFile) {
  auto request = ns_.Next<proto::RenameRequest>();
  request.set_parent_id(a_.value());
  request.set_name("f");
  request.set_new_parent_id(root_.value());
  request.set_new_name("g");
  const auto reply = ns_->Rename(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->moved().inode_id(), f_.value());
  EXPECT_EQ(reply->replaced().inode_id(), g_.value());
  EXPECT_EQ(reply->replaced().nlink(), 0u);
  EXPECT_EQ(ErrnoOf(ns_.TryGet(g_)), ESTALE);
}

TEST_F(RenameTest, OverAFileWithAnotherLink) {
  ASSERT_EQ(ns_.Link(g_, b_, "other"), 0);
  EXPECT_EQ(ns_.Rename(a_, "f", root_, "g"), 0);
  EXPECT_EQ(ns_.Get(g_).nlink(), 1u);
}

TEST_F(RenameTest, OverAnOpenFile) {
  ASSERT_EQ(ns_.Open(g_), 0);
  EXPECT_EQ(ns_.Rename(a_, "f", root_, "g"), 0);
  EXPECT_EQ(ns_.Get(g_).nlink(), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kOrphan), 1u);
  EXPECT_EQ(ns_.Close(g_), 0);
  EXPECT_EQ(ErrnoOf(ns_.TryGet(g_)), ESTALE);
}

TEST_F(RenameTest, OverAnEmptyDirectory) {
  EXPECT_EQ(ns_.Rename(root_, "b", a_, "e"), 0);
  EXPECT_EQ(ns_.Lookup(a_, "e")->inode_id(), b_.value());
  EXPECT_EQ(ErrnoOf(ns_.TryGet(e_)), ESTALE);
  EXPECT_EQ(ns_.Get(root_).nlink(), 3u);
  EXPECT_EQ(ns_.Get(a_).nlink(), 4u);
}

TEST_F(RenameTest, OntoAnotherLinkOfTheSameFileDoesNothing) {
  ASSERT_EQ(ns_.Link(f_, b_, "other"), 0);
  const std::string before = ns_.Get(f_).SerializeAsString();
  EXPECT_EQ(ns_.Rename(a_, "f", b_, "other"), 0);
  EXPECT_EQ(ns_.Rename(a_, "f", a_, "f"), 0);
  EXPECT_EQ(ns_.Rename(a_, "f", b_, "other", Flag::kExchange), 0);
  EXPECT_EQ(ns_.Get(f_).SerializeAsString(), before);
  EXPECT_EQ(ns_.Lookup(a_, "f")->inode_id(), f_.value());
}

TEST_F(RenameTest, Exchange) {
  EXPECT_EQ(ns_.Rename(a_, "x", root_, "g", Flag::kExchange), 0);
  EXPECT_EQ(ns_.Lookup(a_, "x")->inode_id(), g_.value());
  EXPECT_EQ(ns_.Lookup(root_, "g")->inode_id(), x_.value());
  EXPECT_EQ(ns_.Get(x_).parent_id(), root_.value());
  EXPECT_EQ(ns_.Get(g_).parent_id(), a_.value());
  EXPECT_EQ(ns_.Get(a_).nlink(), 3u);
  EXPECT_EQ(ns_.Get(root_).nlink(), 5u);
  EXPECT_EQ(ns_.Rename(a_, "e", a_, "f", Flag::kExchange), 0) << "in one directory";
  EXPECT_EQ(ns_.Lookup(a_, "f")->inode_id(), e_.value());
}

TEST_F(RenameTest, Errors) {
  const std::string longest(256, 'n');
  const struct {
    InodeId parent;
    std::string name;
    InodeId new_parent;
    std::string new_name;
    Flag flag;
    int error;
  } cases[] = {
      {root_, "none", root_, "h", Flag::kNone, ENOENT},
      {root_, "g", root_, "none", Flag::kExchange, ENOENT},
      {root_, "g", a_, "f", Flag::kNoReplace, EEXIST},
      {root_, "g", root_, "g", Flag::kNoReplace, EEXIST},
      {root_, "g", a_, "e", Flag::kNone, EISDIR},
      {root_, "g", a_, "x", Flag::kNone, EISDIR},
      {root_, "b", a_, "f", Flag::kNone, ENOTDIR},
      {root_, "b", a_, "x", Flag::kNone, ENOTEMPTY},
      {root_, "g", f_, "h", Flag::kNone, ENOTDIR},
      {f_, "g", root_, "h", Flag::kNone, ENOTDIR},
      {InodeId(4711), "g", root_, "h", Flag::kNone, ESTALE},
      {root_, "g", InodeId(4711), "h", Flag::kNone, ESTALE},
      {root_, ".", root_, "h", Flag::kNone, EBUSY},
      {root_, "g", root_, "..", Flag::kNone, EBUSY},
      {root_, longest, root_, "h", Flag::kNone, ENAMETOOLONG},
      {root_, "g", root_, longest, Flag::kNone, ENAMETOOLONG},
      {root_, "g", root_, "a/b", Flag::kNone, EINVAL},
      // Into itself.
      {root_, "a", a_, "h", Flag::kNone, EINVAL},
      {root_, "a", x_, "h", Flag::kNone, EINVAL},
      {root_, "a", x_, "y", Flag::kNone, EINVAL},
      {root_, "a", a_, "x", Flag::kExchange, EINVAL},
      {a_, "x", root_, "a", Flag::kExchange, EINVAL},
      {x_, "y", root_, "a", Flag::kExchange, EINVAL},
      // Onto the directory that it lies in.
      {a_, "x", root_, "a", Flag::kNone, ENOTEMPTY},
      {x_, "y", root_, "a", Flag::kNone, EISDIR},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ns_.Rename(c.parent, c.name, c.new_parent, c.new_name, c.flag), c.error)
        << c.parent << "/" << c.name << " to " << c.new_parent << "/" << c.new_name;
  }
  EXPECT_EQ(ns_.List(root_), (std::vector<std::string>{"a", "b", "g"}));
  EXPECT_EQ(ns_.List(a_), (std::vector<std::string>{"e", "f", "x"}));
}

TEST_F(RenameTest, FlagsExcludeEachOther) {
  auto request = ns_.Next<proto::RenameRequest>();
  request.set_parent_id(root_.value());
  request.set_name("g");
  request.set_new_parent_id(a_.value());
  request.set_new_name("f");
  request.set_no_replace(true);
  request.set_exchange(true);
  EXPECT_EQ(ErrnoOf(ns_->Rename(request)), EINVAL);
}

TEST_F(RenameTest, NoReplaceTakesAFreeName) {
  EXPECT_EQ(ns_.Rename(root_, "g", a_, "h", Flag::kNoReplace), 0);
  EXPECT_EQ(ns_.Lookup(a_, "h")->inode_id(), g_.value());
}

TEST_F(RenameTest, IntoARemovedDirectory) {
  ASSERT_EQ(ns_.Open(e_), 0);
  ASSERT_EQ(ns_.Rmdir(a_, "e"), 0);
  EXPECT_EQ(ns_.Rename(root_, "g", e_, "h"), ENOENT);
  EXPECT_EQ(ns_.Close(e_), 0);
}

}  // namespace
}  // namespace weft::metadata
