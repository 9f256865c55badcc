// Opens, orphans, restarts, ends of sessions.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

class SessionsTest : public testing::Test {
 protected:
  ~SessionsTest() override { ns_.ExpectInvariants(); }

  static proto::OpenRecord Record(InodeId inode, bool for_writing = false, uint32_t count = 0) {
    proto::OpenRecord record;
    record.set_inode_id(inode.value());
    record.set_for_writing(for_writing);
    record.set_count(count);
    return record;
  }
  bool Exists(InodeId inode) { return ns_.TryGet(inode).ok(); }

  TestNamespace ns_;
  const InodeId f_ = ns_.MakeFile(kRootInode, "f");
};

TEST_F(SessionsTest, OpenErrors) {
  const InodeId link = TestNamespace::Good(ns_.Make(kRootInode, "l", proto::SYMLINK, "t"));
  const InodeId fifo = TestNamespace::Good(ns_.Make(kRootInode, "p", proto::FIFO));
  EXPECT_EQ(ns_.Open(link), ELOOP);
  EXPECT_EQ(ns_.Open(kRootInode), 0);
  EXPECT_EQ(ns_.Open(kRootInode, /*for_writing=*/true), EISDIR);
  EXPECT_EQ(ns_.Open(fifo, true), 0);
  EXPECT_EQ(ns_.Open(fifo, true, kSession, /*truncate=*/true), EINVAL);
  EXPECT_EQ(ns_.Open(InodeId(4711)), ESTALE);
  EXPECT_EQ(ns_->OpenFileCount(kSession), 2u);
}

TEST_F(SessionsTest, CreateMakesOrOpens) {
  auto reply = ns_.Create(kRootInode, "g");
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->created());
  EXPECT_EQ(reply->attr().permissions(), 0644u);
  reply = ns_.Create(kRootInode, "g");
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_FALSE(reply->created());
  EXPECT_EQ(ns_->OpenFileCount(kSession), 1u);
  EXPECT_EQ(ErrnoOf(ns_.Create(kRootInode, "g", /*exclusive=*/true)), EEXIST);
}

TEST_F(SessionsTest, CreateErrors) {
  ns_.MakeDir(kRootInode, "d");
  ASSERT_EQ(ErrnoOf(ns_.Make(kRootInode, "l", proto::SYMLINK, "t")), 0);
  EXPECT_EQ(ErrnoOf(ns_.Create(kRootInode, "d")), EISDIR);
  EXPECT_EQ(ErrnoOf(ns_.Create(kRootInode, "l")), ESTALE) << "the client is to look again";
  EXPECT_EQ(ErrnoOf(ns_.Create(kRootInode, "l", true)), EEXIST);
  EXPECT_EQ(ErrnoOf(ns_.Create(kRootInode, ".")), EISDIR);
  EXPECT_EQ(ErrnoOf(ns_.Create(kRootInode, std::string(256, 'x'))), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(ns_.Create(f_, "x")), ENOTDIR);
  EXPECT_EQ(ErrnoOf(ns_.Create(InodeId(4711), "x")), ESTALE);
  EXPECT_EQ(ns_->OpenFileCount(kSession), 0u);
}

TEST_F(SessionsTest, AnUnlinkedFileStaysUntilTheLastClose) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  ASSERT_EQ(ns_.Open(f_), 0);
  ASSERT_EQ(ns_.Open(f_, true, kOtherSession), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.Get(f_).nlink(), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kOrphan), 1u);
  EXPECT_EQ(ns_.Read(f_), "bytes");
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_TRUE(Exists(f_));
  EXPECT_EQ(ns_.Close(f_, true, kOtherSession), 0);
  EXPECT_FALSE(Exists(f_));
  EXPECT_EQ(ns_.RowCount(Family::kOrphan), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kInline), 0u);
}

TEST_F(SessionsTest, OpensAreCounted) {
  ASSERT_EQ(ns_.Open(f_), 0);
  ASSERT_EQ(ns_.Open(f_), 0);
  ASSERT_EQ(ns_.Open(f_, true), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.Close(f_, true), 0);
  EXPECT_EQ(ns_.Close(f_, true), 0) << "one too many: it does not count for the readers";
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_TRUE(Exists(f_));
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_FALSE(Exists(f_));
}

TEST_F(SessionsTest, ChunksOfAnOrphanAreReclaimedAtTheLastClose) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  ASSERT_EQ(ns_.Open(f), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "g"), 0);
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 0u);
  EXPECT_EQ(ns_.Close(f), 0);
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 1u);
  EXPECT_EQ(ns_.content.wake_count(), 1);
}

TEST_F(SessionsTest, OrphansSurviveARestart) {
  const InodeId g = ns_.MakeFile(kRootInode, "g");
  ASSERT_EQ(ns_.Open(f_), 0);
  ASSERT_EQ(ns_.Open(g), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "g"), 0);
  ns_.Crash();
  EXPECT_TRUE(ns_->Tick().ok());
  EXPECT_TRUE(Exists(f_) && Exists(g)) << "their session may still report them";
  EXPECT_EQ(ns_.Report({Record(f_), Record(InodeId(4711))}), std::vector{InodeId(4711)});
  ns_.EndGrace();
  EXPECT_TRUE(ns_->Tick().ok());
  EXPECT_TRUE(Exists(f_));
  EXPECT_FALSE(Exists(g)) << "nobody reported it";
  EXPECT_EQ(ns_.Report({Record(g)}), std::vector{g});
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_FALSE(Exists(f_));
}

TEST_F(SessionsTest, WhatIsUnlinkedInTheGraceMayBeOpen) {
  ASSERT_EQ(ns_.Open(f_), 0);
  ns_.Crash();
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_TRUE(Exists(f_));
  EXPECT_TRUE(ns_.Report({Record(f_)}).empty());
  ns_.EndGrace();
  EXPECT_TRUE(ns_->Tick().ok());
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_FALSE(Exists(f_));
}

TEST_F(SessionsTest, ReportsMayBeRepeated) {
  ns_.Crash();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(ns_.Report({Record(f_, false, 2), Record(f_, true)}).empty());
  }
  ns_.EndGrace();
  ASSERT_EQ(ns_.Open(f_), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.Close(f_, true), 0);
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_TRUE(Exists(f_)) << "the new open";
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_FALSE(Exists(f_));
}

TEST_F(SessionsTest, OpensBetweenARestartAndTheReportAreCountedOnce) {
  ns_.Crash();
  auto open = ns_.Next<proto::OpenRequest>();
  open.set_inode_id(f_.value());
  ASSERT_TRUE(ns_->Open(open, nullptr).ok());
  EXPECT_TRUE(ns_.Report({Record(f_)}, open.mutation().sequence()).empty());
  ns_.EndGrace();
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_TRUE(Exists(f_));
  EXPECT_EQ(ns_.Close(f_), 0);
  EXPECT_FALSE(Exists(f_));
}

TEST_F(SessionsTest, OnlyOneSessionIsTheSoleWriter) {
  const auto is_sole = [&](SessionId session, bool for_writing = true) {
    auto request = ns_.Next<proto::OpenRequest>(session);
    request.set_inode_id(f_.value());
    request.set_for_writing(for_writing);
    const auto reply = ns_->Open(request, nullptr);
    return reply.ok() && reply->sole_writer();
  };
  const auto made = ns_.Create(kRootInode, "g");
  EXPECT_TRUE(made.ok() && made->sole_writer());
  EXPECT_FALSE(is_sole(kSession, false)) << "it does not write";
  EXPECT_TRUE(is_sole(kSession));
  EXPECT_TRUE(is_sole(kSession));
  EXPECT_FALSE(is_sole(kOtherSession));
  EXPECT_FALSE(is_sole(kSession));
  EXPECT_EQ(ns_.Close(f_, true, kOtherSession), 0);
  EXPECT_TRUE(is_sole(kSession));
  ns_.Crash();
  EXPECT_FALSE(is_sole(kOtherSession)) << "others may have it open and did not say so yet";
}

TEST_F(SessionsTest, TheEndOfASessionClosesItsFiles) {
  ASSERT_EQ(ns_.Open(f_), 0);
  ASSERT_EQ(ns_.Open(f_), 0);
  const InodeId g = InodeId(ns_.Create(kRootInode, "g")->attr().inode_id());
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_->OpenFileCount(kSession), 2u);
  EXPECT_TRUE(ns_->EndSession(kOtherSession).ok());
  EXPECT_TRUE(Exists(f_));
  EXPECT_TRUE(ns_->EndSession(kSession).ok());
  EXPECT_EQ(ns_->OpenFileCount(kSession), 0u);
  EXPECT_FALSE(Exists(f_));
  EXPECT_TRUE(Exists(g));
  EXPECT_EQ(ns_.RowCount(Family::kReply), 0u);
}

TEST_F(SessionsTest, TheEndOfAWriterSettlesTheSize) {
  const InodeId g = ns_.MakeChunked(kRootInode, "g", 100'000);
  const InodeId h = ns_.MakeChunked(kRootInode, "h", 100'000);
  ASSERT_EQ(ns_.Open(g, true), 0);
  ASSERT_EQ(ns_.Open(h, false), 0);
  ns_.content.SetEnd(ContentId(ns_.Get(g).content().content_id()), {5 << 20, 2 << 20});
  ns_.content.SetEnd(ContentId(ns_.Get(h).content().content_id()), {5 << 20, 2 << 20});
  ns_.content.SetAway(true);
  EXPECT_FALSE(ns_->EndSession(kSession).ok());
  EXPECT_EQ(ns_->OpenFileCount(kSession), 1u) << "tried again later";
  EXPECT_FALSE(ns_.content.has_waited()) << "it holds the lock of a file that others use";
  ns_.content.SetAway(false);
  EXPECT_TRUE(ns_->EndSession(kSession).ok());
  EXPECT_EQ(ns_.Get(g).size_bytes(), uint64_t{5} << 20);
  EXPECT_EQ(ns_.Get(h).size_bytes(), 100'000u) << "it only read";
  EXPECT_EQ(ns_->OpenFileCount(kSession), 0u);
}

TEST_F(SessionsTest, TheEndOfAWriterNeverShrinks) {
  const InodeId g = ns_.MakeChunked(kRootInode, "g", 100'000);
  ASSERT_EQ(ns_.Open(g, true), 0);
  ns_.content.SetEnd(ContentId(ns_.Get(g).content().content_id()), {5, 4096});
  EXPECT_TRUE(ns_->EndSession(kSession).ok());
  EXPECT_EQ(ns_.Get(g).size_bytes(), 100'000u);
  EXPECT_EQ(ns_.Get(g).used_bytes(), 4096u) << "the chunks know better";
}

TEST_F(SessionsTest, TheEndOfAnInlineWriterForgetsChunksItMayHaveWritten) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  ASSERT_EQ(ns_.Open(f_, true), 0);
  const uint64_t content_id = ns_.Get(f_).content().content_id();
  EXPECT_TRUE(ns_->EndSession(kSession).ok());
  EXPECT_NE(ns_.Get(f_).content().content_id(), content_id);
  EXPECT_EQ(ns_.Read(f_), "bytes");
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 1u);
}

TEST_F(SessionsTest, InodesAreCountedOverRestarts) {
  for (int i = 0; i < 10; ++i) ns_.MakeFile(kRootInode, std::to_string(i));
  ns_.ExpectInvariants();  // waits until the first count is done
  EXPECT_EQ(ns_->InodeCount(), 12u);
  ns_.Stop();
  EXPECT_EQ(ns_.RowCount(Family::kMeta), 4u) << "two marks, the era and the number";
  ns_.Start();
  EXPECT_EQ(ns_->InodeCount(), 12u);
  EXPECT_EQ(ns_.RowCount(Family::kMeta), 3u) << "it would be wrong after the next change";
  ns_.MakeFile(kRootInode, "more");
  ns_.Crash();
  ns_.ExpectInvariants();
}

}  // namespace
}  // namespace weft::metadata
