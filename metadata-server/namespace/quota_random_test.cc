// Random operations, walks in small steps and crashes in a tree with several quotas: usages are
// always the sums over the inodes, and when the walks are done every inode has its quota.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "metadata-server/namespace/testing/quota_calls.h"
#include "metadata-server/namespace/testing/seed.h"
#include "metadata-server/namespace/testing/test_namespace.h"
#include "metadata-server/store/testing/temporary_directory.h"

namespace weft::metadata {
namespace {

constexpr int kSteps = 2500;

class Player {
 public:
  Player(TestNamespace& ns, uint64_t seed, QuotaIds strictness)
      : ns_(ns), has_links_(strictness == QuotaIds::kOfDirectories), random_(seed) {}

  void Step() {
    switch (Random(12)) {
      case 0:
      case 1:
        return Ignore(ErrnoOf(ns_.Make(Directory(), Name(), proto::DIRECTORY)));
      case 2:
        return Create();
      case 3:
        return Ignore(ns_.Unlink(Directory(), Name()));
      case 4:
        return Ignore(ns_.Rmdir(Directory(), Name()));
      case 5:
      case 6:
      case 7:
        return Rename();
      case 8:
        return Link();
      case 9:
        return Write();
      default:
        if (opens_.empty()) return;
        Ignore(ns_.Close(opens_.back(), true));
        opens_.pop_back();
    }
  }
  void ChangeQuota() {
    const InodeId directory = Directory();
    if (Random(3) == 0) return Ignore(RemoveQuota(ns_, directory));
    Ignore(SetQuota(ns_, directory,
                    {.bytes = Random(2) * (uint64_t{1} << 20), .inodes = Random(2) * 200}));
  }
  void Walk() { static_cast<void>(ns_->WalkQuotas(1 + Random(6))); }
  void CloseAll() {
    for (const InodeId inode : opens_) Ignore(ns_.Close(inode, true));
    opens_.clear();
  }
  void ForgetOpens() { opens_.clear(); }
  uint64_t Random(uint64_t end) {
    return std::uniform_int_distribution<uint64_t>(0, end - 1)(random_);
  }

 private:
  static void Ignore(int error) { EXPECT_NE(error, EIO); }
  std::string Name() { return "n" + std::to_string(Random(4)); }
  // A walk down from the root, over directories.
  InodeId Directory() {
    InodeId directory = kRootInode;
    for (uint64_t depth = Random(5); depth > 0; --depth) {
      const auto attr = ns_.Lookup(directory, Name());
      if (attr.ok() && attr->type() == proto::DIRECTORY) directory = InodeId(attr->inode_id());
    }
    return directory;
  }
  void Create() {
    const auto reply = ns_.Create(Directory(), Name());
    Ignore(ErrnoOf(reply));
    if (reply.ok()) opens_.emplace_back(reply->attr().inode_id());
  }
  void Rename() {
    Ignore(ns_.Rename(
        Directory(), Name(), Directory(), Name(),
        Random(4) == 0 ? TestNamespace::RenameFlag::kExchange : TestNamespace::RenameFlag::kNone));
  }
  void Link() {
    if (!has_links_) return;
    const auto attr = ns_.Lookup(Directory(), Name());
    if (attr.ok()) Ignore(ns_.Link(InodeId(attr->inode_id()), Directory(), Name()));
  }
  void Write() {
    const auto attr = ns_.Lookup(Directory(), Name());
    if (!attr.ok() || attr->type() != proto::REGULAR) return;
    const InodeId inode(attr->inode_id());
    if (!ns_.TryGet(inode).ok()) return;
    if (Random(3) == 0) return Ignore(ns_.Truncate(inode, Random(3) * 1000));
    auto request = ns_.Next<proto::WriteInlineRequest>();
    request.set_inode_id(inode.value());
    request.set_content_id(attr->content().content_id());
    Ignore(ErrnoOf(ns_->WriteInline(request, std::string(Random(3000), 'x'))));
  }

  TestNamespace& ns_;
  const bool has_links_;
  std::mt19937_64 random_;
  std::vector<InodeId> opens_;
};

// Files with several names may count on either side of a border: without them all is exact.
QuotaIds StrictnessOf(uint64_t seed) {
  return seed % 2 == 0 ? QuotaIds::kOfAll : QuotaIds::kOfDirectories;
}

void Finish(TestNamespace& ns, QuotaIds strictness) {
  FinishWalks(ns, 5);
  EXPECT_TRUE(ns->Tick().ok());
  FinishWalks(ns);
  ns.ExpectInvariants(strictness);
}

TEST(QuotaRandomTest, OneThreadWithCrashes) {
  const uint64_t first_seed = TestSeed();
  for (uint64_t seed = first_seed; seed < first_seed + 6; ++seed) {
    SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
    TestNamespace ns;
    const QuotaIds strictness = StrictnessOf(seed);
    Player player(ns, seed, strictness);
    for (int i = 0; i < kSteps; ++i) {
      player.Step();
      if (player.Random(25) == 0) player.ChangeQuota();
      if (player.Random(3) == 0) player.Walk();
      if (player.Random(200) == 0) {
        ns.crashing().CrashAfter(static_cast<int64_t>(player.Random(3)));
        static_cast<void>(ns->WalkQuotas(20));
        ns.Crash();
        player.ForgetOpens();
        ns.EndGrace();
        ns.ExpectInvariants(strictness);
      }
      if (testing::Test::HasFailure()) return;
    }
    Finish(ns, strictness);
    if (testing::Test::HasFailure()) return;
  }
}

// One thread walks and one sets and removes quotas while the others work.
void RunThreads(TestNamespace& ns, uint64_t seed) {
  const QuotaIds strictness = StrictnessOf(seed);
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&ns, seed, t, strictness] {
      Player player(ns, seed + t, strictness);
      for (int i = 0; i < kSteps; ++i) player.Step();
      player.CloseAll();
    });
  }
  std::thread setter([&ns, &stop, seed, strictness] {
    Player player(ns, seed + 100, strictness);
    while (!stop) {
      player.ChangeQuota();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the others want to go on
    }
  });
  std::thread walker([&ns, &stop, seed, strictness] {
    Player player(ns, seed + 200, strictness);
    while (!stop) player.Walk();
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  setter.join();
  walker.join();
  Finish(ns, strictness);
}

TEST(QuotaRandomTest, ManyThreadsInMemory) {
  const uint64_t first_seed = TestSeed();
  for (uint64_t seed = first_seed; seed < first_seed + 2; ++seed) {
    TestNamespace ns;
    RunThreads(ns, seed);
  }
}

TEST(QuotaRandomTest, ManyThreadsOnDisk) {
  const TemporaryDirectory directory;
  RocksKvOptions options;
  options.directory = directory.path();
  auto store = OpenRocksKvStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  TestNamespace ns(store->get());
  const uint64_t seed = TestSeed();
  RunThreads(ns, seed);
  ns.Crash();
  Finish(ns, StrictnessOf(seed));
}

}  // namespace
}  // namespace weft::metadata
