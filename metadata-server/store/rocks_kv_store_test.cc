// What only a store on disk has: reopening, refusing a directory, faults, the durability id.
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "metadata-server/store/counters.h"
#include "metadata-server/store/kv_store.h"
#include "metadata-server/store/rocks_options.h"
#include "metadata-server/store/testing/temporary_directory.h"

namespace weft::metadata {
namespace {

namespace fs = std::filesystem;

class RocksKvStoreTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<KvStore>> Open(std::string_view boot_id = "boot-1") {
    RocksKvOptions options;
    options.directory = path_;
    options.boot_id = boot_id;
    return OpenRocksKvStore(options);
  }

  // Opens, writes one row, closes. Returns the durability id.
  std::string MakeStore() {
    auto store = Open();
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return {};
    EXPECT_TRUE(Put(**store, "key", "value").ok());
    return (*store)->durability_id();
  }

  static absl::Status Put(KvStore& store, std::string_view key, std::string_view value) {
    Batch batch;
    batch.Put(Family::kInode, key, value);
    return store.Commit(batch);
  }

  // Names and bytes of all files but the database's own log of events.
  std::map<std::string, std::string> Snapshot() {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(path_)) {
      if (!entry.is_regular_file() || entry.path().filename().string().starts_with("LOG")) continue;
      std::ifstream file(entry.path());
      files[entry.path()] = std::string(std::istreambuf_iterator<char>(file), {});
    }
    return files;
  }

  // Opening fails with `error` and a text that has `words` in it, and changes nothing.
  void ExpectRefused(int error, std::string_view words) {
    const auto before = Snapshot();
    const auto store = Open();
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(ErrnoOf(store.status()), error) << store.status();
    EXPECT_NE(MessageOf(store.status()).find(words), std::string::npos) << store.status();
    EXPECT_NE(MessageOf(store.status()).find(path_), std::string::npos) << store.status();
    EXPECT_EQ(Snapshot(), before);
  }

  void WriteFile(const std::string& name, std::string_view text) {
    fs::create_directories(fs::path(path_));
    std::ofstream(path_ + "/" + name) << text;
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/a/store";
};

// Makes it what the first release would have left.
void MakeFormat1(const std::string& path) {
  const auto families = RocksFamilies(size_t{1} << 20);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(
      rocksdb::DB::Open(RocksDbOptions(false), path + "/db", families, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (rocksdb::ColumnFamilyHandle* const handle : handles) {
    if (handle->GetName().starts_with("quota")) ASSERT_TRUE(db->DropColumnFamily(handle).ok());
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  }
  std::ifstream in(path + "/STORE");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const size_t at = text.find("\"format\":2");
  ASSERT_NE(at, text.npos) << text;
  text.replace(at, 10, "\"format\":1");
  std::ofstream(path + "/STORE") << text;
}

TEST_F(RocksKvStoreTest, AStoreOfFormat1GetsTheNewFamilies) {
  const std::string durability_id = MakeStore();
  ASSERT_NO_FATAL_FAILURE(MakeFormat1(path_));
  for (int i = 0; i < 2; ++i) {
    auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(*(*store)->Get(Family::kInode, "key"), "value");
    EXPECT_EQ((*store)->durability_id(), durability_id) << "nothing was lost";
    Batch batch;
    batch.Put(Family::kQuota, "key", "value");
    batch.Add(Family::kQuotaUse, "key", std::vector<int64_t>{1});
    ASSERT_TRUE((*store)->Commit(batch).ok());
    EXPECT_EQ(ReadCounter(*(*store)->Get(Family::kQuotaUse, "key"), 0), i + 1);
  }
  std::ifstream in(path_ + "/STORE");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find("\"format\":2"), text.npos) << "an older program refuses it now";
}

TEST_F(RocksKvStoreTest, KeepsWhatWasCommitted) {
  MakeStore();
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(*(*store)->Get(Family::kInode, "key"), "value");
}

TEST_F(RocksKvStoreTest, KeepsWhatWasCommittedBeforeKill9) {
  // The child is started anew and runs this test from its beginning: it finds the directory here.
  constexpr char kVariable[] = "WEFT_KILL9_STORE";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ::setenv(kVariable, path_.c_str(), /*overwrite=*/0);
  const std::string shared_path = ::getenv(kVariable);
  RocksKvOptions options;
  options.directory = shared_path;
  options.boot_id = "boot-1";
  options.sync_interval = std::chrono::hours(1);
  EXPECT_EXIT(
      {
        auto store = OpenRocksKvStore(options);
        if (!store.ok()) _exit(1);
        for (int i = 0; i < 1000; ++i) {
          if (!Put(**store, std::to_string(i), "value").ok()) _exit(2);
        }
        std::ofstream(shared_path + ".id") << (*store)->durability_id();
        fs::remove_all(directory_.path());  // the child's own one, which it does not use
        ::kill(::getpid(), SIGKILL);
      },
      testing::KilledBySignal(SIGKILL), "");
  ::unsetenv(kVariable);
  auto store = OpenRocksKvStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE((*store)->Get(Family::kInode, std::to_string(i)).ok()) << i;
  }
  std::string id;
  std::ifstream(shared_path + ".id") >> id;
  EXPECT_EQ((*store)->durability_id(), id);
}

TEST_F(RocksKvStoreTest, DurabilityIdIsStableWithinABoot) {
  const std::string id = MakeStore();
  auto store = Open();
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store)->durability_id(), id);
}

TEST_F(RocksKvStoreTest, DurabilityIdChangesWithTheBoot) {
  const std::string id = MakeStore();
  std::string next;
  {
    auto store = Open("boot-2");
    ASSERT_TRUE(store.ok());
    next = (*store)->durability_id();
    EXPECT_NE(next, id);
  }
  auto store = Open("boot-2");
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store)->durability_id(), next);
}

TEST_F(RocksKvStoreTest, TakesTheBootIdOfTheKernel) {
  RocksKvOptions options;
  options.directory = path_;
  std::string id;
  {
    auto store = OpenRocksKvStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    id = (*store)->durability_id();
  }
  auto store = OpenRocksKvStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->durability_id(), id);
}

TEST_F(RocksKvStoreTest, AFailedWriteStopsAllFurtherOnes) {
  const std::string id = MakeStore();
  std::string id_after;
  {
    auto store = Open();
    ASSERT_TRUE(store.ok());
    rlimit limit = {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight = {1 << 20, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    EXPECT_FALSE(Put(**store, "big", std::string(4 << 20, 'x')).ok());
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);

    EXPECT_NE((*store)->fault(), "");
    EXPECT_EQ(ErrnoOf(Put(**store, "small", "x")), EIO);
    EXPECT_EQ(ErrnoOf((*store)->Sync()), EIO);
    EXPECT_EQ(*(*store)->Get(Family::kInode, "key"), "value") << "reading goes on";
    id_after = (*store)->durability_id();
    EXPECT_NE(id_after, id);
  }
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->fault(), "");
  EXPECT_EQ((*store)->durability_id(), id_after);
  EXPECT_EQ(*(*store)->Get(Family::kInode, "key"), "value");
  EXPECT_FALSE((*store)->Get(Family::kInode, "big").ok());
  EXPECT_TRUE(Put(**store, "small", "x").ok());
}

TEST_F(RocksKvStoreTest, RefusesADirectoryInUse) {
  auto first = Open();
  ASSERT_TRUE(first.ok());
  const auto second = Open();
  EXPECT_EQ(ErrnoOf(second.status()), EBUSY);
  EXPECT_NE(MessageOf(second.status()).find("in use"), std::string::npos);
  first->reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(RocksKvStoreTest, RefusesAForeignDirectory) {
  WriteFile("thesis.tex", "precious");
  ExpectRefused(ENOTEMPTY, "thesis.tex");
}

TEST_F(RocksKvStoreTest, RefusesTheDirectoryOfAnotherKind) {
  WriteFile("STORE", R"({"kind": "weftfs-target", "format": 1})");
  ExpectRefused(ENOTEMPTY, "weftfs-target");
}

TEST_F(RocksKvStoreTest, TakesAnEmptyFileSystem) {
  fs::create_directories(path_ + "/lost+found");
  EXPECT_TRUE(Open().ok());
}

TEST_F(RocksKvStoreTest, TakesAStoreThatDiedWhileItWasMade) {
  WriteFile("STORE.new", "{");
  EXPECT_TRUE(Open().ok());
  fs::remove_all(path_);
  WriteFile("STORE", R"({"kind": "weftfs-metadata-store", "format": 1, "ready": false,
                         "boot_id": "", "durability_id": ""})");
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_NE((*store)->durability_id(), "");
}

TEST_F(RocksKvStoreTest, RefusesANewerFormat) {
  MakeStore();
  WriteFile("STORE", R"({"kind": "weftfs-metadata-store", "format": 3, "shape": "unknown"})");
  ExpectRefused(EPROTONOSUPPORT, "format 3");
  WriteFile("STORE", R"({"kind": "weftfs-metadata-store", "format": 4294967297})");
  ExpectRefused(EPROTONOSUPPORT, "format 4294967297");
}

TEST_F(RocksKvStoreTest, RefusesADamagedIdentity) {
  MakeStore();
  for (const char* text :
       {"", "{", "[]", "{}", R"({"kind": 7})", R"({"kind": "weftfs-metadata-store"})",
        R"({"kind": "weftfs-metadata-store", "format": 1, "ready": true})"}) {
    WriteFile("STORE", text);
    ExpectRefused(EIO, "damaged");
  }
}

TEST_F(RocksKvStoreTest, RefusesALostDatabase) {
  MakeStore();
  fs::remove_all(path_ + "/db");
  ExpectRefused(EIO, "database is missing");
}

TEST_F(RocksKvStoreTest, RefusesADamagedDatabase) {
  MakeStore();
  for (const auto& entry : fs::directory_iterator(path_ + "/db")) {
    if (!entry.path().filename().string().starts_with("MANIFEST")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out);
    file.seekp(20);
    file << "damage";
  }
  ExpectRefused(EIO, "damaged");
}

TEST_F(RocksKvStoreTest, RefusesWhatIsNoDirectory) {
  fs::create_directories(fs::path(path_).parent_path());
  std::ofstream(path_) << "a file";
  EXPECT_EQ(ErrnoOf(Open().status()), ENOTDIR);
}

}  // namespace
}  // namespace weft::metadata
