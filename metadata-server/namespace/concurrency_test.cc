// Many threads on the same few names: whatever the order, the rows fit together afterwards.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "metadata-server/namespace/testing/seed.h"
#include "metadata-server/namespace/testing/test_namespace.h"
#include "metadata-server/store/testing/temporary_directory.h"

namespace weft::metadata {
namespace {

constexpr int kThreads = 6;
constexpr int kSteps = 1500;

// One thread's random operations on the directories that all share.
class Worker {
 public:
  Worker(TestNamespace& ns, std::vector<InodeId> directories, uint64_t seed)
      : ns_(ns), directories_(std::move(directories)), random_(seed) {}

  void Run() {
    for (int i = 0; i < kSteps; ++i) Step();
    for (const InodeId inode : opens_) ExpectOneOf(ns_.Close(inode, true), {0});
  }

 private:
  uint64_t Random(uint64_t end) {
    return std::uniform_int_distribution<uint64_t>(0, end - 1)(random_);
  }
  InodeId Directory() { return directories_[Random(directories_.size())]; }
  std::string Name() { return "n" + std::to_string(Random(4)); }

  static void ExpectOneOf(int error, std::initializer_list<int> errors) {
    EXPECT_NE(std::find(errors.begin(), errors.end(), error), errors.end()) << error;
  }

  void Step() {
    switch (Random(9)) {
      case 0:
        return ExpectOneOf(ErrnoOf(ns_.Make(Directory(), Name(), proto::DIRECTORY)),
                           {0, EEXIST, ENOENT, ESTALE});
      case 1:
        return Create();
      case 2:
        return ExpectOneOf(ns_.Unlink(Directory(), Name()), {0, ENOENT, EISDIR, ESTALE});
      case 3:
        return ExpectOneOf(ns_.Rmdir(Directory(), Name()), {0, ENOENT, ENOTDIR, ENOTEMPTY, ESTALE});
      case 4:
        return Rename(TestNamespace::RenameFlag::kNone);
      case 5:
        return Rename(TestNamespace::RenameFlag::kExchange);
      case 6:
        return Link();
      case 7:
        return Look();
      default:
        if (opens_.empty()) return;
        ExpectOneOf(ns_.Close(opens_.back(), true), {0});
        opens_.pop_back();
    }
  }

  void Create() {
    const auto reply = ns_.Create(Directory(), Name());
    ExpectOneOf(ErrnoOf(reply), {0, EISDIR, ENOENT, ESTALE});
    if (!reply.ok()) return;
    const InodeId inode(reply->attr().inode_id());
    opens_.push_back(inode);
    ASSERT_TRUE(ns_.TryGet(inode).ok()) << "it is open";
    ExpectOneOf(ns_.Write(inode, Random(100), "bytes"), {0, EAGAIN});
    if (Random(4) == 0) ExpectOneOf(ns_.Truncate(inode, Random(3)), {0});
  }

  void Rename(TestNamespace::RenameFlag flag) {
    ExpectOneOf(ns_.Rename(Directory(), Name(), Directory(), Name(), flag),
                {0, ENOENT, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, ESTALE});
  }

  void Link() {
    const auto attr = ns_.Lookup(Directory(), Name());
    if (!attr.ok()) return;
    ExpectOneOf(ns_.Link(InodeId(attr->inode_id()), Directory(), Name()),
                {0, EEXIST, EPERM, ENOENT, ESTALE});
  }

  void Look() {
    const InodeId directory = Directory();
    proto::ReadDirRequest request;
    request.set_inode_id(directory.value());
    request.set_want_attrs(true);
    const auto page = ns_->ReadDir(request);
    ExpectOneOf(ErrnoOf(page), {0, ESTALE});
    if (!page.ok()) return;
    for (const proto::DirEntry& entry : page->entries()) {
      EXPECT_EQ(entry.attr().inode_id(), entry.inode_id());
    }
  }

  TestNamespace& ns_;
  // The root and some that the others may move about or remove.
  const std::vector<InodeId> directories_;
  std::mt19937_64 random_;
  std::vector<InodeId> opens_;
};

void RunWorkers(TestNamespace& ns) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
  std::vector<InodeId> directories = {kRootInode};
  for (const char* name : {"n0", "n1", "n2"}) {
    directories.push_back(ns.MakeDir(kRootInode, name));
    directories.push_back(ns.MakeDir(directories.back(), "n3"));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&ns, &directories, seed, i] {
      Worker(ns, directories, seed + static_cast<uint64_t>(i)).Run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ns.RowCount(Family::kOrphan), 0u) << "all is closed";
  ns.ExpectInvariants();
}

TEST(ConcurrencyTest, InMemory) {
  TestNamespace ns;
  RunWorkers(ns);
}

TEST(ConcurrencyTest, OnDisk) {
  const TemporaryDirectory directory;
  RocksKvOptions options;
  options.directory = directory.path();
  auto store = OpenRocksKvStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  TestNamespace ns(store->get());
  RunWorkers(ns);
}

// A name that is replaced all the time is there all the time.
TEST(ConcurrencyTest, AReplacedNameNeverGoesAway) {
  TestNamespace ns;
  const InodeId directory = ns.MakeDir(kRootInode, "d");
  ns.MakeFile(directory, "name");
  std::atomic<bool> stop = false;
  std::thread reader([&ns, &stop, directory] {
    proto::ReadDirRequest request;
    request.set_inode_id(directory.value());
    request.set_want_attrs(true);
    while (!stop) {
      const auto attr = ns.Lookup(directory, "name");
      EXPECT_TRUE(attr.ok()) << attr.status();
      const auto page = ns->ReadDir(request);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_TRUE(std::any_of(page->entries().begin(), page->entries().end(),
                              [](const proto::DirEntry& entry) { return entry.name() == "name"; }));
    }
  });
  for (int i = 0; i < 2000; ++i) {
    ns.MakeFile(directory, "new");
    EXPECT_EQ(ns.Rename(directory, "new", directory, "name"), 0);
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace weft::metadata
