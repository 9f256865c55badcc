// Repeated requests: each is executed once.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

class RepliesTest : public testing::Test {
 protected:
  ~RepliesTest() override { ns_.ExpectInvariants(); }

  proto::MakeNodeRequest MakeDirRequest(const std::string& name) {
    auto request = ns_.Next<proto::MakeNodeRequest>();
    request.set_parent_id(kRootInode.value());
    request.set_name(name);
    request.set_type(proto::DIRECTORY);
    request.set_permissions(0755);
    return request;
  }
  proto::CreateRequest CreateRequest(const std::string& name) {
    auto request = ns_.Next<proto::CreateRequest>();
    request.set_parent_id(kRootInode.value());
    request.set_name(name);
    request.set_permissions(0644);
    request.set_exclusive(true);
    request.set_for_writing(true);
    return request;
  }
  bool Exists(InodeId inode) { return ns_.TryGet(inode).ok(); }

  TestNamespace ns_;
};

TEST_F(RepliesTest, ARepetitionGetsTheFirstReply) {
  const proto::MakeNodeRequest request = MakeDirRequest("d");
  const auto first = ns_->MakeNode(request);
  ASSERT_TRUE(first.ok()) << first.status();
  ns_.MakeFile(InodeId(first->attr().inode_id()), "f");
  for (int run = 0; run < 3; ++run) {
    const auto again = ns_->MakeNode(request);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
    ns_.Crash();
  }
  EXPECT_EQ(ns_.List(kRootInode), std::vector<std::string>{"d"});
}

TEST_F(RepliesTest, ARepetitionIsNotExecutedEvenIfItCould) {
  auto unlink = ns_.Next<proto::UnlinkRequest>();
  unlink.set_parent_id(kRootInode.value());
  unlink.set_name("f");
  ns_.MakeFile(kRootInode, "f");
  ASSERT_TRUE(ns_->Unlink(unlink).ok());
  ns_.MakeFile(kRootInode, "f");
  EXPECT_TRUE(ns_->Unlink(unlink).ok());
  EXPECT_EQ(ns_.List(kRootInode), std::vector<std::string>{"f"});
}

TEST_F(RepliesTest, AnErrorIsKept) {
  auto unlink = ns_.Next<proto::UnlinkRequest>();
  unlink.set_parent_id(kRootInode.value());
  unlink.set_name("f");
  EXPECT_EQ(ErrnoOf(ns_->Unlink(unlink)), ENOENT);
  ns_.MakeFile(kRootInode, "f");
  EXPECT_EQ(ErrnoOf(ns_->Unlink(unlink)), ENOENT) << "it was answered like that already";
  EXPECT_EQ(ns_.List(kRootInode), std::vector<std::string>{"f"});
}

TEST_F(RepliesTest, SessionsAreApart) {
  auto request = MakeDirRequest("d");
  ASSERT_TRUE(ns_->MakeNode(request).ok());
  request.mutable_mutation()->set_session_id(kOtherSession.value());
  EXPECT_EQ(ErrnoOf(ns_->MakeNode(request)), EEXIST);
}

TEST_F(RepliesTest, ASequenceIsOfOneRequest) {
  const proto::MakeNodeRequest request = MakeDirRequest("d");
  ASSERT_TRUE(ns_->MakeNode(request).ok());
  proto::UnlinkRequest unlink;
  *unlink.mutable_mutation() = request.mutation();
  unlink.set_parent_id(kRootInode.value());
  unlink.set_name("d");
  EXPECT_EQ(ErrnoOf(ns_->Unlink(unlink)), EINVAL);
}

TEST_F(RepliesTest, MutationsNeedSessionAndSequence) {
  proto::MakeNodeRequest request = MakeDirRequest("d");
  request.mutable_mutation()->set_sequence(0);
  EXPECT_EQ(ErrnoOf(ns_->MakeNode(request)), EINVAL);
  request = MakeDirRequest("d");
  request.mutable_mutation()->set_session_id(0);
  EXPECT_EQ(ErrnoOf(ns_->MakeNode(request)), EINVAL);
}

TEST_F(RepliesTest, AcknowledgedRepliesGo) {
  proto::MakeNodeRequest first = MakeDirRequest("a");
  ASSERT_TRUE(ns_->MakeNode(first).ok());
  ASSERT_TRUE(ns_->MakeNode(MakeDirRequest("b")).ok());
  EXPECT_EQ(ns_.RowCount(Family::kReply), 2u);
  proto::MakeNodeRequest third = MakeDirRequest("c");
  third.mutable_mutation()->set_acknowledged(third.mutation().sequence() - 1);
  ASSERT_TRUE(ns_->MakeNode(third).ok());
  EXPECT_EQ(ns_.RowCount(Family::kReply), 1u);
  EXPECT_EQ(ErrnoOf(ns_->MakeNode(first)), ESTALE) << "a late repetition that nobody waits for";
  ns_.Crash();
  const auto again = ns_->MakeNode(third);
  EXPECT_TRUE(again.ok()) << again.status();
}

TEST_F(RepliesTest, AnOpenIsCountedOnce) {
  const proto::CreateRequest create = CreateRequest("f");
  const InodeId f(ns_->Create(create, nullptr)->attr().inode_id());
  ASSERT_TRUE(ns_->Create(create, nullptr).ok());
  auto open = ns_.Next<proto::OpenRequest>();
  open.set_inode_id(f.value());
  ASSERT_TRUE(ns_->Open(open, nullptr).ok());
  ASSERT_TRUE(ns_->Open(open, nullptr).ok());
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_EQ(ns_.Close(f, true), 0);
  EXPECT_TRUE(Exists(f));
  EXPECT_EQ(ns_.Close(f), 0);
  EXPECT_FALSE(Exists(f));
}

TEST_F(RepliesTest, ACloseIsCountedOnce) {
  const InodeId f(ns_->Create(CreateRequest("f"), nullptr)->attr().inode_id());
  ASSERT_EQ(ns_.Open(f, true), 0);
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  auto close = ns_.Next<proto::CloseRequest>();
  close.set_inode_id(f.value());
  close.set_for_writing(true);
  EXPECT_TRUE(ns_->Close(close).ok());
  EXPECT_TRUE(ns_->Close(close).ok());
  EXPECT_TRUE(Exists(f));
  EXPECT_EQ(ns_.Close(f, true), 0);
  EXPECT_FALSE(Exists(f));
}

TEST_F(RepliesTest, AnOpenOfAnEarlierRunIsCountedOnceInThisOne) {
  const proto::CreateRequest create = CreateRequest("f");
  const InodeId f(ns_->Create(create, nullptr)->attr().inode_id());
  ns_.Crash();
  for (int i = 0; i < 3; ++i) {
    const auto reply = ns_->Create(create, nullptr);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_TRUE(reply->created());
  }
  ns_.EndGrace();
  ASSERT_EQ(ns_.Unlink(kRootInode, "f"), 0);
  EXPECT_TRUE(Exists(f));
  EXPECT_EQ(ns_.Close(f, true), 0);
  EXPECT_FALSE(Exists(f));
}

TEST_F(RepliesTest, ARepeatedOpenHasAttributesAndBytesOfOneMoment) {
  const proto::CreateRequest create = CreateRequest("f");
  const InodeId f(ns_->Create(create, nullptr)->attr().inode_id());
  ASSERT_EQ(ns_.Write(f, 0, "bytes"), 0);
  std::string payload;
  const auto reply = ns_->Create(create, &payload);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(payload, "bytes");
  EXPECT_EQ(reply->attr().SerializeAsString(), ns_.Get(f).SerializeAsString());
}

TEST_F(RepliesTest, AFailedCommitIsNoAnswer) {
  const proto::CreateRequest create = CreateRequest("f");
  ns_.crashing().CrashAfter(0);
  EXPECT_EQ(ErrnoOf(ns_->Create(create, nullptr)), EIO);
  EXPECT_EQ(ns_->OpenFileCount(kSession), 0u);
  ns_.Crash();
  EXPECT_TRUE(ns_.List(kRootInode).empty());
  EXPECT_TRUE(ns_->Create(create, nullptr).ok());
}

TEST_F(RepliesTest, RepetitionsAtTheSameTimeGetOneReply) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    const proto::CreateRequest request = CreateRequest(std::to_string(round));
    std::vector<std::string> replies(kThreads);
    std::vector<std::thread> threads;
    for (std::string& reply : replies) {
      threads.emplace_back([this, &request, &reply] {
        const auto created = ns_->Create(request, nullptr);
        ASSERT_TRUE(created.ok()) << created.status();
        reply = created->SerializeAsString();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& reply : replies) EXPECT_EQ(reply, replies[0]);
  }
  EXPECT_EQ(ns_.RowCount(Family::kInode), 1u + kRounds);
}

}  // namespace
}  // namespace weft::metadata
