// Making, finding and removing names: MakeNode, Lookup, Link, Unlink, Rmdir, GetPath, ReadLink.
#include <gtest/gtest.h>

#include <string>

#include "common/limits.h"
#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

using namespace std::string_literals;

class NamesTest : public testing::Test {
 protected:
  ~NamesTest() override { ns_.ExpectInvariants(); }

  std::string Path(InodeId inode) {
    proto::GetPathRequest request;
    request.set_inode_id(inode.value());
    const auto reply = ns_->GetPath(request);
    return reply.ok() ? reply->path() : "errno " + std::to_string(ErrnoOf(reply));
  }

  TestNamespace ns_;
};

TEST_F(NamesTest, ANewDirectory) {
  ns_.clock.Advance(std::chrono::seconds(1));
  const proto::Attr attr = *ns_.Make(kRootInode, "d", proto::DIRECTORY, {}, 0751);
  EXPECT_EQ(attr.type(), proto::DIRECTORY);
  EXPECT_EQ(attr.permissions(), 0751u);
  EXPECT_EQ(attr.uid(), 1000u);
  EXPECT_EQ(attr.gid(), 100u);
  EXPECT_EQ(attr.nlink(), 2u);
  EXPECT_EQ(attr.parent_id(), kRootInode.value());
  for (const int64_t time : {attr.atime_ns(), attr.mtime_ns(), attr.ctime_ns(), attr.btime_ns()}) {
    EXPECT_EQ(time, ns_.clock.WallNs());
  }
  const proto::Attr root = ns_.Get(kRootInode);
  EXPECT_EQ(root.nlink(), 3u);
  EXPECT_EQ(root.mtime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(root.ctime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(ns_.Lookup(kRootInode, "d")->SerializeAsString(), attr.SerializeAsString());
}

TEST_F(NamesTest, ANewFileIsInlineAndEmpty) {
  const proto::Attr attr = *ns_.Make(kRootInode, "f", proto::REGULAR, {}, 0104644);
  EXPECT_EQ(attr.permissions(), 04644u);
  EXPECT_EQ(attr.nlink(), 1u);
  EXPECT_EQ(attr.size_bytes(), 0u);
  const proto::Content& content = attr.content();
  EXPECT_NE(content.content_id(), 0u);
  EXPECT_TRUE(content.is_inline());
  EXPECT_EQ(content.chunk_bytes_log2(), kDefaultChunkBytesLog2);
  EXPECT_EQ(content.width(), kDefaultWidth);
  EXPECT_EQ(content.inline_max_bytes(), kDefaultInlineMaxBytes);
  EXPECT_LT(content.first_group(), 64u);
  EXPECT_EQ(content.group_count(), 64u) << "of the set that ContentService names";
  EXPECT_EQ(content.map_epoch(), 3u);
}

TEST_F(NamesTest, OtherTypes) {
  ns_.caller = CallerOf(0, {0});
  EXPECT_EQ(ns_.Make(kRootInode, "l", proto::SYMLINK, "../target")->size_bytes(), 9u);
  for (const auto type :
       {proto::FIFO, proto::SOCKET, proto::CHARACTER_DEVICE, proto::BLOCK_DEVICE}) {
    auto request = ns_.Next<proto::MakeNodeRequest>();
    request.set_parent_id(kRootInode.value());
    request.set_name("n" + std::to_string(type));
    request.set_type(type);
    request.set_rdev(0x801);
    const auto reply = ns_->MakeNode(request);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->attr().type(), type);
    EXPECT_FALSE(reply->attr().has_content());
    const bool is_device = type == proto::CHARACTER_DEVICE || type == proto::BLOCK_DEVICE;
    EXPECT_EQ(reply->attr().rdev(), is_device ? 0x801u : 0u);
  }
}

TEST_F(NamesTest, WhatCannotBeMade) {
  const InodeId file = ns_.MakeFile(kRootInode, "f");
  const std::string longest(255, 'x');
  EXPECT_EQ(ErrnoOf(ns_.Make(kRootInode, longest, proto::REGULAR)), 0);
  const struct {
    InodeId parent;
    std::string name;
    proto::FileType type;
    std::string target;
    int error;
  } cases[] = {
      {kRootInode, "f", proto::REGULAR, "", EEXIST},
      {kRootInode, "f", proto::DIRECTORY, "", EEXIST},
      {kRootInode, ".", proto::DIRECTORY, "", EEXIST},
      {kRootInode, "..", proto::REGULAR, "", EEXIST},
      {kRootInode, "", proto::REGULAR, "", EINVAL},
      {kRootInode, "a/b", proto::REGULAR, "", EINVAL},
      {kRootInode, "a\0b"s, proto::REGULAR, "", EINVAL},
      {kRootInode, longest + "x", proto::REGULAR, "", ENAMETOOLONG},
      {kRootInode, "n", proto::FILE_TYPE_UNSPECIFIED, "", EINVAL},
      {kRootInode, "n", proto::REGULAR, "target", EINVAL},
      {kRootInode, "n", proto::SYMLINK, "", ENOENT},
      {kRootInode, "n", proto::SYMLINK, std::string(4096, 't'), ENAMETOOLONG},
      {file, "n", proto::REGULAR, "", ENOTDIR},
      {InodeId(4711), "n", proto::REGULAR, "", ESTALE},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ErrnoOf(ns_.Make(c.parent, c.name, c.type, c.target)), c.error) << c.name;
  }
  EXPECT_EQ(ns_.List(kRootInode), (std::vector<std::string>{"f", longest}));
}

TEST_F(NamesTest, SetGroupIdIsInherited) {
  ns_.caller = CallerOf(kUser, {kGroup, 77});
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  auto request = ns_.Next<proto::SetAttrRequest>();
  request.set_inode_id(d.value());
  request.set_permissions(02775);
  request.set_gid(77);
  ASSERT_TRUE(ns_->SetAttr(request).ok());
  const proto::Attr file = *ns_.Make(d, "f", proto::REGULAR, {}, 0644);
  EXPECT_EQ(file.gid(), 77u);
  EXPECT_EQ(file.permissions(), 0644u);
  const proto::Attr directory = *ns_.Make(d, "s", proto::DIRECTORY, {}, 0755);
  EXPECT_EQ(directory.gid(), 77u);
  EXPECT_EQ(directory.permissions(), 02755u);
}

TEST_F(NamesTest, LookupKnowsDots) {
  const InodeId a = ns_.MakeDir(kRootInode, "a");
  const InodeId b = ns_.MakeDir(a, "b");
  EXPECT_EQ(ns_.Lookup(b, ".")->inode_id(), b.value());
  EXPECT_EQ(ns_.Lookup(b, "..")->inode_id(), a.value());
  EXPECT_EQ(ns_.Lookup(kRootInode, "..")->inode_id(), kRootInode.value());
}

TEST_F(NamesTest, LookupErrors) {
  const InodeId file = ns_.MakeFile(kRootInode, "f");
  EXPECT_EQ(ErrnoOf(ns_.Lookup(kRootInode, "g")), ENOENT);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(kRootInode, std::string(256, 'x'))), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(file, "g")), ENOTDIR);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(InodeId(4711), "g")), ESTALE);
  EXPECT_EQ(ErrnoOf(ns_.TryGet(InodeId(4711))), ESTALE);
}

TEST_F(NamesTest, ReadLinkTellsTheTarget) {
  const InodeId link = TestNamespace::Good(ns_.Make(kRootInode, "l", proto::SYMLINK, "a/\xff/b"));
  proto::ReadLinkRequest request;
  request.set_inode_id(link.value());
  EXPECT_EQ(ns_->ReadLink(request)->target(), "a/\xff/b");
  request.set_inode_id(kRootInode.value());
  EXPECT_EQ(ErrnoOf(ns_->ReadLink(request)), EINVAL);
}

TEST_F(NamesTest, LinksCount) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  ns_.clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(ns_.Link(f, d, "g"), 0);
  EXPECT_EQ(ns_.Get(f).nlink(), 2u);
  EXPECT_EQ(ns_.Get(f).ctime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(ns_.Get(f).parent_id(), d.value());
  EXPECT_EQ(ns_.Lookup(d, "g")->inode_id(), f.value());
  EXPECT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.Get(f).nlink(), 1u);
  EXPECT_EQ(ns_.Unlink(d, "g"), 0);
  EXPECT_EQ(ErrnoOf(ns_.TryGet(f)), ESTALE);
}

TEST_F(NamesTest, LinkErrors) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  EXPECT_EQ(ns_.Link(d, kRootInode, "e"), EPERM);
  EXPECT_EQ(ns_.Link(f, kRootInode, "d"), EEXIST);
  EXPECT_EQ(ns_.Link(f, kRootInode, "."), EEXIST);
  EXPECT_EQ(ns_.Link(f, f, "g"), ENOTDIR);
  EXPECT_EQ(ns_.Link(InodeId(4711), kRootInode, "g"), ESTALE);
  ASSERT_EQ(ns_.Open(f), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.Link(f, kRootInode, "f"), ENOENT) << "it is only open";
  EXPECT_EQ(ns_.Close(f), 0);
}

TEST_F(NamesTest, LinksAreBounded) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  for (uint32_t i = 1; i < kMaxLinks; ++i) ASSERT_EQ(ns_.Link(f, kRootInode, std::to_string(i)), 0);
  EXPECT_EQ(ns_.Link(f, kRootInode, "one more"), EMLINK);
}

TEST_F(NamesTest, UnlinkErrors) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  EXPECT_EQ(ns_.Unlink(kRootInode, "d"), EISDIR);
  EXPECT_EQ(ns_.Unlink(kRootInode, ".."), EISDIR);
  EXPECT_EQ(ns_.Unlink(kRootInode, "g"), ENOENT);
  EXPECT_EQ(ns_.Unlink(f, "g"), ENOTDIR);
  EXPECT_EQ(ns_.Unlink(InodeId(4711), "g"), ESTALE);
  EXPECT_EQ(ns_.Get(d).nlink(), 2u);
}

TEST_F(NamesTest, UnlinkChangesTheDirectorysTimes) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  ns_.MakeFile(d, "f");
  const uint64_t change = ns_.Get(d).change();
  ns_.clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(ns_.Unlink(d, "f"), 0);
  EXPECT_EQ(ns_.Get(d).mtime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(ns_.Get(d).ctime_ns(), ns_.clock.WallNs());
  EXPECT_GT(ns_.Get(d).change(), change);
}

TEST_F(NamesTest, RmdirErrors) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  ns_.MakeFile(kRootInode, "f");
  ns_.MakeFile(d, "g");
  EXPECT_EQ(ns_.Rmdir(kRootInode, "d"), ENOTEMPTY);
  EXPECT_EQ(ns_.Rmdir(kRootInode, "f"), ENOTDIR);
  EXPECT_EQ(ns_.Rmdir(kRootInode, "x"), ENOENT);
  EXPECT_EQ(ns_.Rmdir(kRootInode, "."), EINVAL);
  EXPECT_EQ(ns_.Rmdir(kRootInode, ".."), ENOTEMPTY);
  EXPECT_EQ(ns_.Unlink(d, "g"), 0);
  EXPECT_EQ(ns_.Rmdir(kRootInode, "d"), 0);
  EXPECT_EQ(ns_.Get(kRootInode).nlink(), 2u);
  EXPECT_EQ(ErrnoOf(ns_.TryGet(d)), ESTALE);
}

TEST_F(NamesTest, AnOpenDirectoryTakesNoNamesOnceRemoved) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  ASSERT_EQ(ns_.Open(d), 0);
  EXPECT_EQ(ns_.Rmdir(kRootInode, "d"), 0);
  EXPECT_EQ(ns_.Get(d).nlink(), 0u);
  EXPECT_EQ(ErrnoOf(ns_.Make(d, "f", proto::REGULAR)), ENOENT);
  EXPECT_TRUE(ns_.List(d).empty());
  EXPECT_EQ(ns_.Close(d), 0);
  EXPECT_EQ(ErrnoOf(ns_.TryGet(d)), ESTALE);
}

TEST_F(NamesTest, PathsFollowRenames) {
  const InodeId a = ns_.MakeDir(kRootInode, "a");
  const InodeId b = ns_.MakeDir(a, "b");
  const InodeId f = ns_.MakeFile(b, "f");
  EXPECT_EQ(Path(kRootInode), "/");
  EXPECT_EQ(Path(f), "/a/b/f");
  ASSERT_EQ(ns_.Rename(a, "b", kRootInode, "c"), 0);
  EXPECT_EQ(Path(f), "/c/f");
  ASSERT_EQ(ns_.Link(f, a, "g"), 0);
  EXPECT_EQ(Path(f), "/a/g");
  ASSERT_EQ(ns_.Unlink(a, "g"), 0);
  EXPECT_EQ(Path(f), "errno " + std::to_string(ENOENT)) << "its other name is not known";
  EXPECT_EQ(Path(InodeId(4711)), "errno " + std::to_string(ESTALE));
}

TEST_F(NamesTest, NothingIsLeftOfADeletedInode) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  ASSERT_EQ(ns_.Write(f, 0, "bytes"), 0);
  ASSERT_EQ(ns_.SetXattr(f, "user.a", "1"), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.RowCount(Family::kInode), 1u);
  EXPECT_EQ(ns_.RowCount(Family::kInline), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kXattr), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 0u) << "it never had chunks";
  EXPECT_EQ(ns_.content.wake_count(), 0);
}

TEST_F(NamesTest, ChunksOfADeletedInodeAreReclaimed) {
  ns_.MakeChunked(kRootInode, "f", 1 << 20);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 1u);
  EXPECT_EQ(ns_.content.wake_count(), 1);
}

}  // namespace
}  // namespace weft::metadata
