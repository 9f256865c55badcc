// Bytes and sizes: WriteInline, ReadInline, CommitWrite, SetAttr with a size, O_TRUNC.
#include "metadata-server/namespace/content.h"

#include <gtest/gtest.h>

#include <string>

#include "common/limits.h"
#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

using namespace std::string_literals;

constexpr uint64_t kInlineMax = kDefaultInlineMaxBytes;

class ContentTest : public testing::Test {
 protected:
  ~ContentTest() override { ns_.ExpectInvariants(); }

  proto::CommitWriteRequest CommitOf(InodeId inode, uint64_t size_bytes) {
    auto request = ns_.Next<proto::CommitWriteRequest>();
    request.set_inode_id(inode.value());
    request.set_content_id(ContentOf(inode).content_id());
    request.set_size_at_least_bytes(size_bytes);
    return request;
  }
  proto::Content ContentOf(InodeId inode) { return ns_.Get(inode).content(); }
  uint64_t SizeOf(InodeId inode) { return ns_.Get(inode).size_bytes(); }

  TestNamespace ns_;
  const InodeId f_ = ns_.MakeFile(kRootInode, "f");
};

TEST_F(ContentTest, InlineWritesReadBack) {
  EXPECT_EQ(ns_.Read(f_), "");
  EXPECT_EQ(ns_.Write(f_, 0, "hello"), 0);
  EXPECT_EQ(ns_.Write(f_, 3, "p me"), 0);
  EXPECT_EQ(ns_.Read(f_), "help me");
  EXPECT_EQ(ns_.Write(f_, 9, "!"), 0);
  EXPECT_EQ(ns_.Read(f_), "help me\0\0!"s);
  EXPECT_EQ(SizeOf(f_), 10u);
  EXPECT_EQ(ns_.Get(f_).used_bytes(), 512u);
}

TEST_F(ContentTest, AnInlineWriteChangesVersionAndTimes) {
  ns_.clock.Advance(std::chrono::seconds(1));
  const proto::Attr before = ns_.Get(f_);
  auto request = ns_.Next<proto::WriteInlineRequest>();
  request.set_inode_id(f_.value());
  request.set_content_id(before.content().content_id());
  request.set_mtime_ns(42);
  const auto reply = ns_->WriteInline(request, "x");
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_GT(reply->attr().content().inline_version(), before.content().inline_version());
  EXPECT_EQ(reply->attr().mtime_ns(), 42);
  EXPECT_EQ(reply->attr().ctime_ns(), ns_.clock.WallNs());
  EXPECT_GT(reply->attr().change(), before.change());
}

TEST_F(ContentTest, WritesOfAnOldVersionAreRefusedWhereTheyNameIt) {
  ASSERT_EQ(ns_.Write(f_, 0, "one"), 0);
  auto request = ns_.Next<proto::WriteInlineRequest>();
  request.set_inode_id(f_.value());
  request.set_content_id(ContentOf(f_).content_id());
  request.set_inline_version(ContentOf(f_).inline_version());
  ASSERT_EQ(ns_.Write(f_, 0, "two"), 0);
  EXPECT_EQ(ErrnoOf(ns_->WriteInline(request, "one more")), EAGAIN);
  EXPECT_EQ(ns_.Read(f_), "two");
}

TEST_F(ContentTest, AppendsFollowEachOther) {
  const auto append = [&](std::string_view data, uint64_t length) {
    auto request = ns_.Next<proto::AppendRequest>();
    request.set_inode_id(f_.value());
    request.set_content_id(ContentOf(f_).content_id());
    request.set_length_bytes(length);
    return ns_->Append(request, data);
  };
  ASSERT_EQ(ns_.Write(f_, 0, "one"), 0);
  auto reply = append("two", 3);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->is_stored());
  EXPECT_EQ(reply->offset_bytes(), 3u);
  EXPECT_EQ(ns_.Read(f_), "onetwo");
  EXPECT_EQ(ErrnoOf(append("", 3)), EFBIG) << "the bytes must be there";
  EXPECT_EQ(ErrnoOf(append(std::string(kInlineMax, 'x'), kInlineMax)), EFBIG);
  EXPECT_EQ(ns_.Read(f_), "onetwo");

  ASSERT_EQ(ns_.MoveToChunks(f_, 1000), 0);
  const proto::Attr before = ns_.Get(f_);
  reply = append("", 50);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_FALSE(reply->is_stored());
  EXPECT_EQ(reply->offset_bytes(), 1000u);
  EXPECT_EQ(append("", 7)->offset_bytes(), 1050u);
  EXPECT_EQ(ns_.Get(f_).change(), before.change()) << "nothing is to be seen yet";
  ns_.Crash();
  EXPECT_EQ(append("", 1)->offset_bytes(), 1057u) << "what was given out stays given out";
  ASSERT_TRUE(ns_->CommitWrite(CommitOf(f_, 5000)).ok());
  EXPECT_EQ(append("", 1)->offset_bytes(), 5000u);
  ASSERT_EQ(ns_.Truncate(f_, 5000), 0);
  EXPECT_EQ(append("", 1)->offset_bytes(), 5000u) << "taken back, though the size stayed";
  ASSERT_EQ(ns_.Truncate(f_, 10), 0);
  EXPECT_EQ(append("", 1)->offset_bytes(), 10u);
  EXPECT_EQ(ErrnoOf(append("", UINT64_MAX)), EFBIG);
  auto stale = ns_.Next<proto::AppendRequest>();
  stale.set_inode_id(f_.value());
  stale.set_content_id(4711);
  EXPECT_EQ(ErrnoOf(ns_->Append(stale, "")), EAGAIN);
}

TEST_F(ContentTest, InlineBytesAreBounded) {
  EXPECT_EQ(ns_.Write(f_, 0, std::string(kInlineMax, 'x')), 0);
  EXPECT_EQ(ns_.Write(f_, kInlineMax, "x"), EFBIG);
  EXPECT_EQ(ns_.Write(f_, UINT64_MAX, "x"), EFBIG);
  EXPECT_EQ(ns_.Write(f_, 0, std::string(kInlineMax + 1, 'x')), EFBIG);
  EXPECT_EQ(ns_.Read(f_), std::string(kInlineMax, 'x'));
}

TEST_F(ContentTest, InlineWriteErrors) {
  EXPECT_EQ(ns_.Write(ns_.MakeDir(kRootInode, "d"), 0, "x"), EINVAL);
  auto request = ns_.Next<proto::WriteInlineRequest>();
  request.set_inode_id(f_.value());
  request.set_content_id(ContentOf(f_).content_id() + 1);
  EXPECT_EQ(ErrnoOf(ns_->WriteInline(request, "x")), EAGAIN);
  ASSERT_EQ(ns_.MoveToChunks(f_, 5), 0);
  EXPECT_EQ(ns_.Write(f_, 0, "x"), EAGAIN);
}

TEST_F(ContentTest, PayloadsComeWithLookupOpenAndCreate) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  std::string payload;
  proto::LookupRequest lookup;
  lookup.set_parent_id(kRootInode.value());
  lookup.set_name("f");
  ASSERT_TRUE(ns_->Lookup(lookup, &payload).ok());
  EXPECT_EQ(payload, "") << "not asked for";
  lookup.set_want_inline(true);
  ASSERT_TRUE(ns_->Lookup(lookup, &payload).ok());
  EXPECT_EQ(payload, "bytes");
  payload.clear();
  auto open = ns_.Next<proto::OpenRequest>();
  open.set_inode_id(f_.value());
  ASSERT_TRUE(ns_->Open(open, &payload).ok());
  EXPECT_EQ(payload, "bytes");
  payload.clear();
  auto create = ns_.Next<proto::CreateRequest>();
  create.set_parent_id(kRootInode.value());
  create.set_name("f");
  const auto created = ns_->Create(create, &payload);
  ASSERT_TRUE(created.ok());
  EXPECT_FALSE(created->created());
  EXPECT_EQ(payload, "bytes");
}

TEST_F(ContentTest, ReadInlineOfOtherThings) {
  ASSERT_EQ(ns_.MoveToChunks(f_, 5), 0);
  EXPECT_EQ(ns_.Read(f_), "");
  proto::ReadInlineRequest request;
  request.set_inode_id(kRootInode.value());
  EXPECT_EQ(ErrnoOf(ns_->ReadInline(request, nullptr)), EISDIR);
  request.set_inode_id(4711);
  EXPECT_EQ(ErrnoOf(ns_->ReadInline(request, nullptr)), ESTALE);
}

TEST_F(ContentTest, CommitsRaiseTheSize) {
  ASSERT_EQ(ns_.MoveToChunks(f_, 1 << 20), 0);
  auto request = CommitOf(f_, 1000);
  request.set_mtime_ns(42);
  ASSERT_TRUE(ns_->CommitWrite(request).ok());
  EXPECT_EQ(SizeOf(f_), uint64_t{1} << 20) << "it only grows";
  EXPECT_EQ(ns_.Get(f_).mtime_ns(), 42);
  request = CommitOf(f_, 3 << 20);
  request.set_used_bytes_added(2 << 20);
  ASSERT_TRUE(ns_->CommitWrite(request).ok());
  EXPECT_EQ(SizeOf(f_), uint64_t{3} << 20);
  EXPECT_EQ(ns_.Get(f_).used_bytes(), uint64_t{3} << 20);
  request = CommitOf(f_, 0);
  request.set_used_bytes_added(uint64_t{1} << 30);
  ASSERT_TRUE(ns_->CommitWrite(request).ok());
  EXPECT_EQ(ns_.Get(f_).used_bytes(), uint64_t{3} << 20) << "no more than the size";
  request = CommitOf(f_, 0);
  request.set_used_bytes_added(1 << 20);
  request.set_used_bytes_freed(3 << 20);
  ASSERT_TRUE(ns_->CommitWrite(request).ok());
  EXPECT_EQ(ns_.Get(f_).used_bytes(), uint64_t{1} << 20);
  request = CommitOf(f_, 0);
  request.set_used_bytes_freed(2 << 20);
  ASSERT_TRUE(ns_->CommitWrite(request).ok());
  EXPECT_EQ(ns_.Get(f_).used_bytes(), 0u) << "and no less than nothing";
}

TEST_F(ContentTest, CommitErrors) {
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(CommitOf(f_, 1))), EAGAIN) << "it is inline";
  ASSERT_EQ(ns_.MoveToChunks(f_, 5), 0);
  EXPECT_EQ(ns_.MoveToChunks(f_, 5), EAGAIN) << "it is not inline any more";
  auto request = CommitOf(f_, 1);
  request.set_content_id(request.content_id() + 1);
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(request)), EAGAIN);
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(CommitOf(f_, MaxFileBytes(20)))), 0);
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(CommitOf(f_, MaxFileBytes(20) + 1))), EFBIG);
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(CommitOf(kRootInode, 1))), EINVAL);
}

TEST_F(ContentTest, MovingToChunksDropsTheInlineBytes) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  EXPECT_EQ(ns_.RowCount(Family::kInline), 1u);
  ASSERT_EQ(ns_.MoveToChunks(f_, 20'000), 0);
  EXPECT_EQ(ns_.RowCount(Family::kInline), 0u);
  EXPECT_FALSE(ContentOf(f_).is_inline());
  EXPECT_EQ(SizeOf(f_), 20'000u);
}

TEST_F(ContentTest, MovingOldBytesToChunksIsRefused) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  auto request = CommitOf(f_, 20'000);
  request.set_drop_inline(true);
  request.set_inline_version(ContentOf(f_).inline_version());
  const uint64_t content_id = ContentOf(f_).content_id();
  ASSERT_EQ(ns_.Write(f_, 0, "BY"), 0);
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(request)), EAGAIN);
  EXPECT_EQ(ns_.Read(f_), "BYtes");
  EXPECT_EQ(SizeOf(f_), 5u);
  // What was written to chunks may not show through the holes of a later move.
  EXPECT_NE(ContentOf(f_).content_id(), content_id);
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 1u);
  EXPECT_EQ(ns_.MoveToChunks(f_, 20'000), 0);
}

TEST_F(ContentTest, EachMoverGetsAContentOfItsOwn) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  auto first = CommitOf(f_, 20'000);
  first.set_drop_inline(true);
  first.set_inline_version(ContentOf(f_).inline_version());
  const proto::Attr before = ns_.Get(f_);
  auto begin = ns_.Next<proto::BeginMoveRequest>();
  begin.set_inode_id(f_.value());
  const auto begun = ns_->BeginMove(begin);
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_NE(begun->attr().content().content_id(), before.content().content_id());
  EXPECT_EQ(begun->attr().content().inline_version(), before.content().inline_version() + 1);
  EXPECT_EQ(begun->attr().change(), before.change() + 1);
  EXPECT_EQ(ns_.Read(f_), "bytes");
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 1u) << "what the first may have written";
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(first)), EAGAIN);
  ns_.Crash();
  EXPECT_EQ(ns_->BeginMove(begin)->attr().content().content_id(),
            begun->attr().content().content_id())
      << "a repetition begins nothing new";
  EXPECT_EQ(ns_.MoveToChunks(f_, 20'000), 0);

  begin = ns_.Next<proto::BeginMoveRequest>();
  begin.set_inode_id(f_.value());
  const auto late = ns_->BeginMove(begin);
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_FALSE(late->attr().content().is_inline());
  EXPECT_EQ(late->attr().content().content_id(), begun->attr().content().content_id());
}

TEST_F(ContentTest, ChunksThatAWriterLeftBehindAreReclaimed) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  const uint64_t content_id = ContentOf(f_).content_id();
  for (const uint64_t left : {content_id + 1000, content_id}) {
    ASSERT_EQ(ns_.Open(f_, true), 0);
    EXPECT_EQ(ContentOf(f_).content_id(), content_id);
    auto close = ns_.Next<proto::CloseRequest>();
    close.set_inode_id(f_.value());
    close.set_for_writing(true);
    close.set_left_content_id(left);
    EXPECT_EQ(ErrnoOf(ns_->Close(close)), 0);
  }
  EXPECT_NE(ContentOf(f_).content_id(), content_id);
  EXPECT_EQ(ns_.Read(f_), "bytes");
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 1u);
}

TEST_F(ContentTest, ShrinkingInline) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  const uint64_t version = ContentOf(f_).inline_version();
  EXPECT_EQ(ns_.Truncate(f_, 2), 0);
  EXPECT_EQ(ns_.Read(f_), "by");
  EXPECT_GT(ContentOf(f_).inline_version(), version);
  EXPECT_EQ(ns_.Truncate(f_, 4), 0);
  EXPECT_EQ(ns_.Read(f_), "by\0\0"s) << "what was cut does not come back";
  EXPECT_TRUE(ns_.content.cuts().empty());
}

TEST_F(ContentTest, TruncatingToZeroMakesNewContent) {
  ASSERT_EQ(ns_.Write(f_, 0, "bytes"), 0);
  const uint64_t content_id = ContentOf(f_).content_id();
  EXPECT_EQ(ns_.Truncate(f_, 0), 0);
  EXPECT_NE(ContentOf(f_).content_id(), content_id);
  EXPECT_EQ(ns_.Read(f_), "");
  EXPECT_EQ(ns_.Get(f_).used_bytes(), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kInline), 0u);
}

TEST_F(ContentTest, TruncatingChunksToZeroReclaimsThem) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  const uint64_t content_id = ContentOf(f).content_id();
  EXPECT_EQ(ns_.Open(f, true, kSession, /*truncate=*/true), 0);
  EXPECT_NE(ContentOf(f).content_id(), content_id);
  EXPECT_TRUE(ContentOf(f).is_inline());
  EXPECT_EQ(SizeOf(f), 0u);
  EXPECT_EQ(ns_.RowCount(Family::kReclaim), 1u);
  EXPECT_EQ(ns_.content.wake_count(), 1);
  EXPECT_TRUE(ns_.content.cuts().empty());
}

TEST_F(ContentTest, ExtendingInlinePastTheBound) {
  EXPECT_EQ(ns_.Truncate(f_, 1 << 20), 0);
  EXPECT_FALSE(ContentOf(f_).is_inline()) << "no bytes: it is all hole";
  EXPECT_EQ(SizeOf(f_), uint64_t{1} << 20);

  const InodeId g = ns_.MakeFile(kRootInode, "g");
  ASSERT_EQ(ns_.Write(g, 0, "bytes"), 0);
  EXPECT_EQ(ns_.Truncate(g, 1 << 20), 0);
  EXPECT_TRUE(ContentOf(g).is_inline()) << "its bytes are still here";
  EXPECT_EQ(SizeOf(g), uint64_t{1} << 20);
  EXPECT_EQ(ns_.Read(g), "bytes" + std::string(kInlineMax - 5, '\0'));
  EXPECT_EQ(ns_.Write(g, 5, "!"), 0);
  EXPECT_EQ(SizeOf(g), uint64_t{1} << 20);
  EXPECT_EQ(ns_.MoveToChunks(g, 0), 0);
  EXPECT_EQ(SizeOf(g), uint64_t{1} << 20);
}

TEST_F(ContentTest, ShrinkingChunksCutsThem) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  EXPECT_EQ(ns_.Truncate(f, 1000), 0);
  EXPECT_EQ(SizeOf(f), 1000u);
  EXPECT_EQ(ns_.Get(f).used_bytes(), 4096u);
  const FakeContentService::Cut cut = {ContentId(ContentOf(f).content_id()), 1, 1000};
  EXPECT_EQ(ns_.content.cuts(), std::vector{cut});
  EXPECT_EQ(ContentOf(f).cut(), 1u);
  EXPECT_EQ(ns_.RowCount(Family::kTruncate), 0u);
  EXPECT_EQ(ns_.Truncate(f, 2 << 20), 0);
  EXPECT_EQ(SizeOf(f), uint64_t{2} << 20);
  EXPECT_EQ(ns_.content.cuts().size(), 1u) << "growing cuts nothing";
}

TEST_F(ContentTest, AShrinkThatCannotBeFinishedIsFinishedByItsRepetition) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  auto request = ns_.Next<proto::SetAttrRequest>();
  request.set_inode_id(f.value());
  request.set_size_bytes(1000);
  ns_.content.SetAway(true);
  EXPECT_EQ(ErrnoOf(ns_->SetAttr(request)), ETIMEDOUT);
  EXPECT_EQ(ErrnoOf(ns_->SetAttr(request)), ETIMEDOUT);
  EXPECT_EQ(SizeOf(f), 1000u);
  EXPECT_EQ(ns_.RowCount(Family::kTruncate), 1u);
  ns_.content.SetAway(false);
  const auto reply = ns_->SetAttr(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->attr().size_bytes(), 1000u);
  EXPECT_EQ(ns_.content.cuts().size(), 1u);
  EXPECT_EQ(ns_.RowCount(Family::kTruncate), 0u);
}

TEST_F(ContentTest, AShrinkThatCannotBeFinishedIsFinishedByTick) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  ns_.content.SetAway(true);
  EXPECT_EQ(ns_.Truncate(f, 1000), ETIMEDOUT);
  EXPECT_FALSE(ns_->Tick().ok());
  ns_.Crash();
  ns_.content.SetAway(false);
  ns_.content.ForgetWaiting();
  EXPECT_TRUE(ns_->Tick().ok());
  EXPECT_FALSE(ns_.content.has_waited()) << "it holds the lock of a file that others use";
  EXPECT_EQ(ns_.content.cuts().size(), 1u);
  EXPECT_EQ(ns_.RowCount(Family::kTruncate), 0u);
  ns_.EndGrace();
}

TEST_F(ContentTest, AFileDoesNotGrowBeforeItsShrinkIsFinished) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  ns_.content.SetAway(true);
  EXPECT_EQ(ns_.Truncate(f, 1000), ETIMEDOUT);
  EXPECT_EQ(ns_.Truncate(f, 5000), ETIMEDOUT);
  const proto::CommitWriteRequest growing = CommitOf(f, 5000);
  EXPECT_EQ(ErrnoOf(ns_->CommitWrite(growing)), ETIMEDOUT);
  EXPECT_TRUE(ns_->CommitWrite(CommitOf(f, 500)).ok()) << "it does not grow";
  EXPECT_EQ(SizeOf(f), 1000u);
  ns_.content.SetAway(false);
  EXPECT_TRUE(ns_->CommitWrite(growing).ok()) << "the same request again";
  EXPECT_EQ(ns_.content.cuts().size(), 1u);
  EXPECT_EQ(SizeOf(f), 5000u);
}

TEST_F(ContentTest, TruncatingToZeroNeedsNoCut) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  ns_.content.SetAway(true);
  EXPECT_EQ(ns_.Truncate(f, 1000), ETIMEDOUT);
  EXPECT_EQ(ns_.Truncate(f, 0), 0);
  EXPECT_EQ(ns_.RowCount(Family::kTruncate), 0u);
  EXPECT_TRUE(ns_->Tick().ok());
}

TEST_F(ContentTest, DeletingDropsAnUnfinishedCut) {
  const InodeId f = ns_.MakeChunked(kRootInode, "g", 1 << 20);
  ns_.content.SetAway(true);
  EXPECT_EQ(ns_.Truncate(f, 1000), ETIMEDOUT);
  EXPECT_EQ(ns_.Unlink(kRootInode, "g"), 0);
  EXPECT_EQ(ns_.RowCount(Family::kTruncate), 0u);
  EXPECT_TRUE(ns_->Tick().ok());
}

TEST_F(ContentTest, TruncateErrors) {
  EXPECT_EQ(ns_.Truncate(ns_.MakeDir(kRootInode, "d"), 0), EISDIR);
  EXPECT_EQ(ns_.Truncate(TestNamespace::Good(ns_.Make(kRootInode, "p", proto::FIFO)), 0), EINVAL);
  EXPECT_EQ(ns_.Truncate(f_, MaxFileBytes(20) + 1), EFBIG);
  EXPECT_EQ(ns_.Truncate(f_, MaxFileBytes(20)), 0);
}

TEST_F(ContentTest, TruncateSetsTheTimes) {
  ns_.clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(ns_.Truncate(f_, 0), 0) << "although nothing is cut";
  EXPECT_EQ(ns_.Get(f_).mtime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(ns_.Get(f_).ctime_ns(), ns_.clock.WallNs());
}

}  // namespace
}  // namespace weft::metadata
