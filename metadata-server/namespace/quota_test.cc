// Quotas: limits, usages, borders. Walks over populated trees: quota_walks_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "metadata-server/namespace/testing/quota_calls.h"
#include "metadata-server/namespace/testing/test_namespace.h"
#include "metadata-server/store/testing/temporary_directory.h"

namespace weft::metadata {
namespace {

constexpr uint64_t kDirectory = 4096;  // what a directory uses

class QuotaTest : public testing::Test {
 protected:
  QuotaTest() : q_(ns_.MakeDir(kRootInode, "q")), other_(ns_.MakeDir(kRootInode, "other")) {}
  ~QuotaTest() override {
    FinishWalks(ns_);
    ns_.ExpectInvariants();
  }

  void Limit(InodeId directory, QuotaLimits limits) {
    ASSERT_EQ(SetQuota(ns_, directory, limits), 0);
    FinishWalks(ns_);
  }
  uint64_t Inodes(InodeId directory) { return QuotaOf(ns_, directory).used_inodes(); }
  uint64_t Bytes(InodeId directory) { return QuotaOf(ns_, directory).used_bytes(); }
  int Make(InodeId parent, const std::string& name, proto::FileType type = proto::REGULAR) {
    return ErrnoOf(ns_.Make(parent, name, type, type == proto::SYMLINK ? "target" : ""));
  }

  TestNamespace ns_;
  const InodeId q_;
  const InodeId other_;
};

TEST_F(QuotaTest, TheInodeLimitHoldsForAllTypes) {
  Limit(q_, {.inodes = 4});
  EXPECT_EQ(Inodes(q_), 1u) << "the directory itself";
  EXPECT_EQ(Make(q_, "file"), 0);
  EXPECT_EQ(Make(q_, "dir", proto::DIRECTORY), 0);
  EXPECT_EQ(Make(q_, "link", proto::SYMLINK), 0);
  for (const proto::FileType type :
       {proto::REGULAR, proto::DIRECTORY, proto::SYMLINK, proto::FIFO}) {
    EXPECT_EQ(Make(q_, "more", type), EDQUOT) << type;
  }
  EXPECT_EQ(ErrnoOf(ns_.Create(q_, "more")), EDQUOT);
  EXPECT_EQ(Make(other_, "more"), 0);
  EXPECT_EQ(ns_.Unlink(q_, "link"), 0);
  EXPECT_EQ(Make(q_, "more"), 0);
  EXPECT_EQ(Inodes(q_), 4u);
}

TEST_F(QuotaTest, TheErrorNamesTheDirectoryAndTheLimit) {
  Limit(q_, {.inodes = 1});
  const auto made = ns_.Make(q_, "file", proto::REGULAR);
  EXPECT_EQ(MessageOf(made.status()), "the quota of /q is used up: 1 of 1 inodes");
}

TEST_F(QuotaTest, ARefusedCreateLeavesNothingAndCanBeRepeated) {
  Limit(q_, {.inodes = 1});
  auto request = ns_.Next<proto::CreateRequest>();
  request.set_parent_id(q_.value());
  request.set_name("file");
  EXPECT_EQ(ErrnoOf(ns_->Create(request, nullptr)), EDQUOT);
  EXPECT_EQ(ErrnoOf(ns_->Create(request, nullptr)), EDQUOT) << "the kept answer";
  EXPECT_TRUE(ns_.List(q_).empty());
  EXPECT_EQ(ns_->OpenFileCount(kSession), 0u);
  Limit(q_, {.inodes = 2});
  EXPECT_EQ(Make(q_, "file"), 0);
}

TEST_F(QuotaTest, TheByteLimitHoldsForInlineWrites) {
  Limit(q_, {.bytes = kDirectory + 1024});
  const InodeId file = ns_.MakeFile(q_, "file");
  EXPECT_EQ(ns_.Write(file, 0, std::string(1024, 'x')), 0);
  EXPECT_EQ(Bytes(q_), kDirectory + 1024);
  EXPECT_EQ(ns_.Write(file, 100, std::string(100, 'y')), 0) << "takes no more space";
  EXPECT_EQ(ns_.Write(file, 1024, "z"), EDQUOT);
  EXPECT_EQ(ns_.Get(file).size_bytes(), 1024u);
  EXPECT_EQ(Make(q_, "dir", proto::DIRECTORY), EDQUOT) << "a directory uses bytes, too";
  EXPECT_EQ(ns_.Truncate(file, 1), 0);
  EXPECT_EQ(Bytes(q_), kDirectory + 512);
  EXPECT_EQ(ns_.Write(ns_.MakeFile(q_, "second"), 0, "z"), 0);
}

TEST_F(QuotaTest, ACommitIsTakenEvenBeyondTheLimit) {
  Limit(q_, {.bytes = kDirectory + 100'000});
  const InodeId file = ns_.MakeChunked(q_, "file", 80'000);
  EXPECT_GT(Bytes(q_), kDirectory + 79'999);
  ns_.MakeChunked(q_, "second", 80'000);
  EXPECT_GT(Bytes(q_), kDirectory + 100'000);
  proto::GetAttrRequest request;
  request.set_inode_id(file.value());
  const auto attr = ns_->GetAttr(request);
  EXPECT_TRUE(attr->has_quota_left_bytes());
  EXPECT_EQ(attr->quota_left_bytes(), 0u);
  EXPECT_EQ(ns_.Truncate(file, 0), 0);
  EXPECT_EQ(Bytes(q_), kDirectory + 80'000);
}

TEST_F(QuotaTest, RepliesTellWhatIsLeft) {
  EXPECT_FALSE(ns_.Create(other_, "file")->has_quota_left_bytes());
  Limit(kRootInode, {.bytes = 100'000});
  Limit(q_, {.bytes = 50'000});
  EXPECT_EQ(ns_.Create(q_, "file")->quota_left_bytes(), 50'000 - kDirectory);
  EXPECT_EQ(ns_.Create(other_, "file")->quota_left_bytes(), 100'000 - 3 * kDirectory);
  Limit(kRootInode, {.bytes = 3 * kDirectory + 10});
  EXPECT_EQ(ns_.Create(q_, "file")->quota_left_bytes(), 10u) << "the outer one has less left";
}

TEST_F(QuotaTest, SpaceIsThatOfTheNearestAndWhatIsLeftOfAll) {
  EXPECT_FALSE(ns_->SpaceOf(q_).bytes);
  Limit(kRootInode, {.bytes = 100'000, .inodes = 4});
  Limit(q_, {.bytes = 50'000});
  ns_.MakeFile(q_, "file");
  const QuotaSpace space = ns_->SpaceOf(q_);
  EXPECT_EQ(space.bytes->used, kDirectory);
  EXPECT_EQ(space.bytes->left, 50'000 - kDirectory);
  EXPECT_EQ(space.inodes->used, 4u);
  EXPECT_EQ(space.inodes->left, 0u);
}

TEST_F(QuotaTest, NestedQuotasAllCount) {
  Limit(q_, {.inodes = 6});
  const InodeId inner = ns_.MakeDir(q_, "inner");
  Limit(inner, {.inodes = 3});
  EXPECT_EQ(Make(inner, "a"), 0);
  EXPECT_EQ(Make(inner, "b"), 0);
  EXPECT_EQ(Make(inner, "c"), EDQUOT) << "of the inner one";
  EXPECT_EQ(Make(q_, "a"), 0);
  EXPECT_EQ(Make(q_, "b"), 0);
  EXPECT_EQ(Make(q_, "c"), EDQUOT);
  Limit(inner, {.inodes = 10});
  EXPECT_EQ(Make(inner, "c"), EDQUOT) << "of the outer one";
  const auto quotas = QuotasOf(ns_, inner);
  ASSERT_EQ(quotas.size(), 2u);
  EXPECT_EQ(quotas[0].path(), "/q/inner");
  EXPECT_EQ(quotas[0].used_inodes(), 3u);
  EXPECT_EQ(quotas[1].path(), "/q");
  EXPECT_EQ(quotas[1].used_inodes(), 6u);
}

TEST_F(QuotaTest, FilesAndEmptyDirectoriesTakeTheirChargeAlong) {
  Limit(q_, {.bytes = 3 * kDirectory, .inodes = 3});
  const InodeId file = ns_.MakeFile(other_, "file");
  EXPECT_EQ(ns_.Write(file, 0, "x"), 0);
  EXPECT_EQ(ns_.Rename(other_, "file", q_, "file"), 0);
  EXPECT_EQ(Inodes(q_), 2u);
  EXPECT_EQ(Bytes(q_), kDirectory + 512);
  ns_.MakeDir(other_, "dir");
  EXPECT_EQ(ns_.Rename(other_, "dir", q_, "dir"), 0);
  EXPECT_EQ(Make(ns_.MakeDir(other_, "x"), "y"), 0);
  EXPECT_EQ(ns_.Rename(other_, "x", q_, "x"), EXDEV) << "there is something in it";
  ns_.MakeFile(other_, "more");
  EXPECT_EQ(ns_.Rename(other_, "more", q_, "more"), EDQUOT);
  EXPECT_EQ(ns_.Rename(other_, "more", q_, "file"), 0) << "takes the place of another";
  EXPECT_EQ(Inodes(q_), 3u);
  EXPECT_EQ(ns_.Rename(q_, "file", other_, "file"), 0);
  EXPECT_EQ(Inodes(q_), 2u);
}

TEST_F(QuotaTest, WithinAQuotaRenamesAndLinksCostNothing) {
  Limit(q_, {.inodes = 5});
  const InodeId a = ns_.MakeDir(q_, "a");
  const InodeId b = ns_.MakeDir(a, "b");
  const InodeId file = ns_.MakeFile(b, "file");
  EXPECT_EQ(ns_.Rename(a, "b", q_, "b"), 0);
  EXPECT_EQ(ns_.Link(file, q_, "link"), 0);
  EXPECT_EQ(Inodes(q_), 4u);
}

TEST_F(QuotaTest, LinksDoNotCrossABorder) {
  Limit(q_, {});
  const InodeId outside = ns_.MakeFile(other_, "file");
  EXPECT_EQ(ns_.Link(outside, q_, "link"), EXDEV);
  const InodeId inside = ns_.MakeFile(q_, "file");
  EXPECT_EQ(ns_.Link(inside, other_, "link"), EXDEV);
  EXPECT_EQ(ns_.Link(inside, q_, "second"), 0);
  EXPECT_EQ(ns_.Rename(q_, "second", other_, "second"), EXDEV) << "a file of several names";
}

TEST_F(QuotaTest, ExchangesCrossABorderBothWays) {
  Limit(q_, {.inodes = 3});
  const InodeId file = ns_.MakeFile(q_, "file");
  EXPECT_EQ(ns_.Write(file, 0, "x"), 0);
  ns_.MakeDir(other_, "empty");
  EXPECT_EQ(ns_.Rename(q_, "file", other_, "empty", TestNamespace::RenameFlag::kExchange), 0);
  EXPECT_EQ(Inodes(q_), 2u);
  EXPECT_EQ(Bytes(q_), 2 * kDirectory);
  ns_.MakeFile(ns_.MakeDir(other_, "full"), "x");
  EXPECT_EQ(ns_.Rename(q_, "file", other_, "full", TestNamespace::RenameFlag::kExchange), EXDEV);
}

TEST_F(QuotaTest, ADirectoryWithAQuotaStaysUnderItsOuterOne) {
  Limit(q_, {});
  const InodeId inner = ns_.MakeDir(q_, "inner");
  Limit(inner, {});
  EXPECT_EQ(ns_.Rename(q_, "inner", other_, "inner"), EXDEV);
  EXPECT_EQ(ns_.Rename(q_, "inner", q_, "renamed"), 0);
  EXPECT_EQ(QuotaOf(ns_, inner).path(), "/q/renamed");
}

TEST_F(QuotaTest, OrphansCountUntilTheyAreClosed) {
  Limit(q_, {.inodes = 2});
  const InodeId file(ns_.Create(q_, "file")->attr().inode_id());
  EXPECT_EQ(ns_.Unlink(q_, "file"), 0);
  EXPECT_EQ(Make(q_, "second"), EDQUOT);
  EXPECT_EQ(ns_.Close(file, true), 0);
  EXPECT_EQ(Make(q_, "second"), 0);
}

TEST_F(QuotaTest, OnlyRootChangesQuotas) {
  EXPECT_EQ(SetQuota(ns_, q_, {.inodes = 5}, 1000), EPERM);
  Limit(q_, {.inodes = 5});
  EXPECT_EQ(RemoveQuota(ns_, q_, 1000), EPERM);
  EXPECT_EQ(SetQuota(ns_, ns_.MakeFile(other_, "file"), {.inodes = 5}), ENOTDIR);
  EXPECT_EQ(SetQuota(ns_, q_, {.bytes = UINT64_MAX}), EINVAL);
  EXPECT_EQ(RemoveQuota(ns_, other_), ENODATA);
  EXPECT_EQ(SetQuota(ns_, InodeId(4711), {.inodes = 5}), ESTALE);
}

TEST_F(QuotaTest, SettingAgainChangesWhatIsNamed) {
  Limit(q_, {.bytes = 1 << 20, .inodes = 5});
  Limit(q_, {.inodes = 7});
  EXPECT_EQ(QuotaOf(ns_, q_).limit_bytes(), 1u << 20);
  EXPECT_EQ(QuotaOf(ns_, q_).limit_inodes(), 7u);
  Limit(q_, {.inodes = 0});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Make(q_, std::to_string(i)), 0);
}

TEST_F(QuotaTest, ARemovedDirectoryTakesItsQuotaAlong) {
  Limit(q_, {.inodes = 10});
  const InodeId inner = ns_.MakeDir(q_, "inner");
  Limit(inner, {.inodes = 5});
  const InodeId orphan(ns_.Create(inner, "file")->attr().inode_id());
  EXPECT_EQ(ns_.Unlink(inner, "file"), 0);
  EXPECT_EQ(ns_.Rmdir(q_, "inner"), 0);
  FinishWalks(ns_);
  EXPECT_EQ(ns_.RowCount(Family::kQuota), 1u);
  EXPECT_EQ(QuotaOf(ns_, orphan).path(), "/q") << "it counts above now";
  EXPECT_EQ(ns_.Close(orphan, true), 0);
  EXPECT_EQ(Inodes(q_), 1u);
}

TEST_F(QuotaTest, UsagesAndStatesSurviveACrash) {
  Limit(q_, {.inodes = 3});
  EXPECT_EQ(Make(q_, "a"), 0);
  EXPECT_EQ(ns_.Write(ns_.MakeFile(q_, "b"), 0, "x"), 0);
  ns_.crashing().CrashAfter(0);
  EXPECT_EQ(ns_.Unlink(q_, "a"), EIO);
  EXPECT_EQ(Inodes(q_), 3u) << "what was not committed is not counted";
  ns_.Crash();
  EXPECT_EQ(Inodes(q_), 3u);
  EXPECT_EQ(Bytes(q_), kDirectory + 512);
  EXPECT_EQ(Make(q_, "c"), EDQUOT);
}

TEST_F(QuotaTest, ListsWhatIsBelowPageByPage) {
  for (int i = 0; i < 150; ++i) {
    Limit(ns_.MakeDir(i % 2 == 0 ? q_ : other_, std::to_string(i)), {.inodes = 5});
  }
  proto::ListQuotasRequest request;
  request.set_inode_id(q_.value());
  std::vector<std::string> paths;
  do {
    const auto page = ns_->ListQuotas(request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const proto::Quota& quota : page->quotas()) paths.push_back(quota.path());
    request.set_after_inode_id(page->next_after_inode_id());
  } while (request.after_inode_id() != 0);
  EXPECT_EQ(paths.size(), 75u);
  EXPECT_EQ(paths.back(), "/q/148");
}

// Many threads at the limit: exactly as many files as fit, whoever makes them.
void FillFromManyThreads(TestNamespace& ns) {
  constexpr uint64_t kLimit = 300;
  constexpr int kThreads = 6;
  const InodeId q = ns.MakeDir(kRootInode, "q");
  ASSERT_EQ(SetQuota(ns, q, {.inodes = kLimit}), 0);
  FinishWalks(ns);
  std::vector<InodeId> directories;
  for (int t = 0; t < kThreads; ++t) directories.push_back(ns.MakeDir(q, "d" + std::to_string(t)));
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const InodeId parent = directories[static_cast<size_t>(t)];
      for (int i = 0; i < 100; ++i) {
        const int error = ErrnoOf(ns.Make(parent, std::to_string(i), proto::REGULAR));
        EXPECT_TRUE(error == 0 || error == EDQUOT) << error;
        ++(error == 0 ? made : refused);
        EXPECT_LE(QuotaOf(ns, q).used_inodes(), kLimit);
        if (error == EDQUOT && i % 3 == 0 && ns.Unlink(parent, std::to_string(i - 3)) == 0) --made;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(refused, 0);
  EXPECT_EQ(QuotaOf(ns, q).used_inodes(), static_cast<uint64_t>(made) + kThreads + 1);
  ns.ExpectInvariants();
}

TEST(QuotaConcurrencyTest, NeverExceedsTheLimit) {
  TestNamespace ns;
  FillFromManyThreads(ns);
}

TEST(QuotaConcurrencyTest, NeverExceedsTheLimitOnDisk) {
  const TemporaryDirectory directory;
  RocksKvOptions options;
  options.directory = directory.path();
  auto store = OpenRocksKvStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  TestNamespace ns(store->get());
  FillFromManyThreads(ns);
  ns.Crash();
  ns.ExpectInvariants();
}

}  // namespace
}  // namespace weft::metadata
