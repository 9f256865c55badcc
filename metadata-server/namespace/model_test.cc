// Random operations, restarts and crashes against a model.
#include "metadata-server/namespace/testing/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "metadata-server/namespace/testing/quota_calls.h"
#include "metadata-server/namespace/testing/seed.h"
#include "metadata-server/namespace/testing/test_namespace.h"
#include "metadata-server/store/testing/temporary_directory.h"

namespace weft::metadata {
namespace {

constexpr InodeId kNoSuchInode{4711'0000};

class ModelRun {
 public:
  // Root's requests: permissions have tests of their own. With a quota on the whole tree, whose
  // usages must always be the sums.
  ModelRun(TestNamespace& ns, uint64_t seed) : ns_(ns), random_(seed) {
    ns_.caller = CallerOf(0, {0});
    EXPECT_EQ(SetQuota(ns_, kRootInode, {}), 0);
  }

  void Step() {
    switch (Random(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return MakeNode();
      case 4:
        return Link();
      case 5:
      case 6:
        return Unlink();
      case 7:
        return Rmdir();
      case 8:
      case 9:
      case 10:
        return Rename();
      case 11:
      case 12:
        return Write();
      case 13:
        return Truncate();
      case 14:
        return MoveToChunks();
      case 15:
        return SetXattr();
      case 16:
        return RemoveXattr();
      case 17:
      case 18:
        return OpenOrClose();
      default:
        // A crash comes now, or in the middle of an operation.
        if (Random(10) == 0) Crash();
    }
  }

  // Everything that can be seen is as the model says.
  void Compare() {
    for (const auto& [id, node] : model_.nodes()) {
      const proto::Attr attr = ns_.Get(id);
      EXPECT_EQ(attr.type(), node.type) << id;
      EXPECT_EQ(attr.nlink(), model_.NlinkOf(id)) << id;
      EXPECT_EQ(attr.has_xattrs(), !node.xattrs.empty()) << id;
      if (node.type == proto::DIRECTORY) CompareDirectory(id, node);
      if (node.type == proto::REGULAR) {
        EXPECT_EQ(attr.content().is_inline(), node.is_inline) << id;
        EXPECT_EQ(attr.size_bytes(), node.size_bytes) << id;
        EXPECT_EQ(ns_.Read(id), model_.PayloadOf(id)) << id;
      }
      CompareXattrs(id, node);
    }
    EXPECT_EQ(ns_.RowCount(Family::kInode), model_.nodes().size());
    ns_.ExpectInvariants();
  }

 private:
  uint64_t Random(uint64_t end) {
    return std::uniform_int_distribution<uint64_t>(0, end - 1)(random_);
  }
  std::string Name() { return "n" + std::to_string(Random(6)); }
  InodeId AnyInode() {
    const uint64_t index = Random(model_.nodes().size() + 1);
    if (index == model_.nodes().size()) return kNoSuchInode;
    return std::next(model_.nodes().begin(), static_cast<std::ptrdiff_t>(index))->first;
  }
  // Mostly a directory.
  InodeId AnyParent() {
    for (int i = 0; i < 20; ++i) {
      const InodeId inode = AnyInode();
      if (inode != kNoSuchInode && model_.nodes().at(inode).type == proto::DIRECTORY) return inode;
    }
    return AnyInode();
  }

  void MakeNode() {
    constexpr proto::FileType kTypes[] = {proto::DIRECTORY, proto::DIRECTORY, proto::REGULAR,
                                          proto::REGULAR, proto::SYMLINK};
    const InodeId parent = AnyParent();
    const std::string name = Name();
    const proto::FileType type = kTypes[Random(std::size(kTypes))];
    const auto attr = ns_.Make(parent, name, type, type == proto::SYMLINK ? "t" : "");
    EXPECT_EQ(ErrnoOf(attr), model_.MakeNode(parent, name)) << "make " << parent << "/" << name;
    if (attr.ok()) model_.Added(parent, name, InodeId(attr->inode_id()), type);
  }

  void Link() {
    const InodeId inode = AnyInode();
    const InodeId parent = AnyParent();
    const std::string name = Name();
    EXPECT_EQ(ns_.Link(inode, parent, name), model_.Link(inode, parent, name))
        << "link " << inode << " to " << parent << "/" << name;
  }

  void Unlink() {
    const InodeId parent = AnyParent();
    const std::string name = Name();
    EXPECT_EQ(ns_.Unlink(parent, name), model_.Unlink(parent, name)) << parent << "/" << name;
  }

  void Rmdir() {
    const InodeId parent = AnyParent();
    const std::string name = Name();
    EXPECT_EQ(ns_.Rmdir(parent, name), model_.Rmdir(parent, name)) << parent << "/" << name;
  }

  void Rename() {
    constexpr std::pair<TestNamespace::RenameFlag, Model::Flag> kFlags[] = {
        {TestNamespace::RenameFlag::kNone, Model::Flag::kNone},
        {TestNamespace::RenameFlag::kNoReplace, Model::Flag::kNoReplace},
        {TestNamespace::RenameFlag::kExchange, Model::Flag::kExchange}};
    const InodeId from = AnyParent();
    const InodeId to = AnyParent();
    const std::string name = Name();
    const std::string new_name = Name();
    const auto& [flag, model_flag] = kFlags[Random(std::size(kFlags))];
    EXPECT_EQ(ns_.Rename(from, name, to, new_name, flag),
              model_.Rename(from, name, to, new_name, model_flag))
        << "rename " << from << "/" << name << " to " << to << "/" << new_name;
  }

  uint64_t AnySize() {
    constexpr uint64_t kSizes[] = {0,
                                   1,
                                   100,
                                   kDefaultInlineMaxBytes - 1,
                                   kDefaultInlineMaxBytes,
                                   kDefaultInlineMaxBytes + 1,
                                   1 << 20};
    return kSizes[Random(std::size(kSizes))];
  }

  void Write() {
    const InodeId inode = AnyInode();
    const uint64_t offset = Random(4) == 0 ? AnySize() : Random(200);
    const std::string data(Random(50), static_cast<char>('a' + Random(26)));
    if (inode == kNoSuchInode) return;  // the test needs its content id
    EXPECT_EQ(ns_.Write(inode, offset, data), model_.Write(inode, offset, data)) << inode;
  }

  void Truncate() {
    const InodeId inode = AnyInode();
    const uint64_t size = AnySize();
    EXPECT_EQ(ns_.Truncate(inode, size), model_.Truncate(inode, size)) << inode << " to " << size;
  }

  void MoveToChunks() {
    const InodeId inode = AnyInode();
    const uint64_t size = AnySize();
    if (inode == kNoSuchInode) return;
    EXPECT_EQ(ns_.MoveToChunks(inode, size), model_.MoveToChunks(inode, size)) << inode;
  }

  void SetXattr() {
    const InodeId inode = AnyInode();
    const std::string name = "trusted." + Name();  // which all kinds of inodes can have
    const std::string value = std::to_string(Random(100));
    EXPECT_EQ(ns_.SetXattr(inode, name, value), model_.SetXattr(inode, name, value)) << inode;
  }

  void RemoveXattr() {
    const InodeId inode = AnyInode();
    auto request = ns_.Next<proto::RemoveXattrRequest>();
    request.set_inode_id(inode.value());
    request.set_name("trusted." + Name());
    EXPECT_EQ(ErrnoOf(ns_->RemoveXattr(request)), model_.RemoveXattr(inode, request.name()));
  }

  void OpenOrClose() {
    if (!opens_.empty() && Random(2) == 0) {
      const size_t index = Random(opens_.size());
      EXPECT_EQ(ns_.Close(opens_[index]), 0);
      model_.Close(opens_[index]);
      opens_.erase(opens_.begin() + static_cast<std::ptrdiff_t>(index));
      return;
    }
    const InodeId inode = AnyInode();
    const int error = model_.Open(inode);
    EXPECT_EQ(ns_.Open(inode), error) << inode;
    if (error == 0) opens_.push_back(inode);
  }

  // An operation during which the server may die happens as a whole or not at all, and the client
  // asks again. The session then reports what it has open.
  void Crash() {
    auto request = ns_.Next<proto::MakeNodeRequest>();
    const InodeId parent = AnyParent();
    request.set_parent_id(parent.value());
    request.set_name(Name());
    request.set_type(proto::DIRECTORY);
    ns_.crashing().CrashAfter(static_cast<int64_t>(Random(2)));
    const auto before = ns_->MakeNode(request);
    ns_.Crash();
    std::vector<proto::OpenRecord> records;
    for (const InodeId inode : opens_) {
      proto::OpenRecord record;
      record.set_inode_id(inode.value());
      record.set_count(static_cast<uint32_t>(std::count(opens_.begin(), opens_.end(), inode)));
      records.push_back(record);
    }
    EXPECT_TRUE(ns_.Report(records).empty());
    ns_.EndGrace();
    EXPECT_TRUE(ns_->Tick().ok());
    const auto after = ns_->MakeNode(request);
    const int error = model_.MakeNode(parent, request.name());
    EXPECT_EQ(ErrnoOf(after), error);
    if (before.ok()) EXPECT_EQ(after->SerializeAsString(), before->SerializeAsString());
    if (error == 0 && after.ok()) {
      model_.Added(parent, request.name(), InodeId(after->attr().inode_id()), proto::DIRECTORY);
    }
    Compare();
  }

  void CompareDirectory(InodeId id, const Model::Node& node) {
    std::vector<std::string> names;
    for (const auto& [name, inode] : node.names) {
      names.push_back(name);
      EXPECT_EQ(InodeId(ns_.Lookup(id, name)->inode_id()), inode) << id << "/" << name;
    }
    EXPECT_EQ(ns_.List(id, 1 + static_cast<uint32_t>(Random(4))), names) << id;
    if (node.nlink > 0) EXPECT_EQ(InodeId(ns_.Get(id).parent_id()), node.parent) << id;
  }

  void CompareXattrs(InodeId id, const Model::Node& node) {
    for (const auto& [name, value] : node.xattrs) {
      proto::GetXattrRequest request;
      request.set_inode_id(id.value());
      request.set_name(name);
      const auto reply = ns_->GetXattr(request);
      EXPECT_TRUE(reply.ok() && reply->value() == value) << id << " " << name;
    }
  }

  TestNamespace& ns_;
  std::mt19937_64 random_;
  Model model_;
  std::vector<InodeId> opens_;
};

void RunAgainstModel(TestNamespace& ns, uint64_t seed, int steps, int compare_every) {
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
  ModelRun run(ns, seed);
  for (int i = 1; i <= steps; ++i) {
    run.Step();
    if (i % compare_every == 0) run.Compare();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ModelTest, InMemory) {
  const uint64_t first_seed = TestSeed();
  for (uint64_t seed = first_seed; seed < first_seed + 10; ++seed) {
    TestNamespace ns;
    RunAgainstModel(ns, seed, 2000, 100);
    if (HasFailure()) return;
  }
}

TEST(ModelTest, OnDisk) {
  const TemporaryDirectory directory;
  RocksKvOptions options;
  options.directory = directory.path();
  auto store = OpenRocksKvStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  TestNamespace ns(store->get());
  RunAgainstModel(ns, TestSeed(), 3000, 500);
}

}  // namespace
}  // namespace weft::metadata
