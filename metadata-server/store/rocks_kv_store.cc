#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"
#include "common/uuid.h"
#include "metadata-server/store/group_sync.h"
#include "metadata-server/store/kv_store.h"
#include "metadata-server/store/rocks_options.h"
#include "metadata-server/store/store_directory.h"

namespace weft::metadata {
namespace {

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status Translate(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsNotFound()) return PosixError(ENOENT, "no such key");
  if (status.IsNoSpace()) return PosixError(ENOSPC, status.ToString());
  return PosixError(EIO, status.ToString());
}

rocksdb::Status AddChange(const Batch::Change& change, rocksdb::ColumnFamilyHandle* family,
                          rocksdb::WriteBatch* batch) {
  const rocksdb::Slice key = SliceOf(change.key);
  if (!change.value) return batch->Delete(family, key);
  const rocksdb::Slice value = SliceOf(*change.value);
  return change.is_addition ? batch->Merge(family, key, value) : batch->Put(family, key, value);
}

// The smallest key that is greater than all keys with this prefix; empty where there is none.
std::string EndOfPrefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

// An open database with the handles of its families.
class Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, bool create,
                                                        size_t block_cache_bytes) {
    auto database = std::make_unique<Database>();
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(
        RocksDbOptions(create), path, RocksFamilies(block_cache_bytes), &database->handles_, &db);
    database->db_.reset(db);
    if (!status.ok()) return Translate(status);
    return database;
  }

  ~Database() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
    if (db_) db_->Close().PermitUncheckedError();
  }

  [[nodiscard]] rocksdb::DB* db() const { return db_.get(); }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* family(Family family) const {
    return handles_[static_cast<size_t>(family) + 1];  // behind "default"
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // the database's
};

class RocksKvStore final : public KvStore {
 public:
  RocksKvStore(const RocksKvOptions& options, StoreDirectory directory,
               std::unique_ptr<Database> database)
      : sync_every_commit_(options.sync_interval.count() == 0),
        sync_interval_(options.sync_interval),
        database_(std::move(database)),
        sync_([this] { return SyncLog(); }),
        directory_(std::move(directory)),
        durability_id_(directory_.identity().durability_id) {
    if (!sync_every_commit_) syncer_ = std::thread([this] { SyncNowAndThen(); });
  }

  ~RocksKvStore() override {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      wake_syncer_.SignalAll();
    }
    if (syncer_.joinable()) syncer_.join();
    const absl::Status status = Sync();
    if (!status.ok()) spdlog::error("metadata store: last sync: {}", MessageOf(status));
  }

  absl::StatusOr<std::string> Get(Family family, std::string_view key) const override {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = database_->db()->Get(
        rocksdb::ReadOptions(), database_->family(family), SliceOf(key), &value);
    if (!status.ok()) return Translate(status);
    return value.ToString();
  }

  absl::Status Scan(
      Family family, std::string_view prefix, std::string_view first,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    const std::string end = EndOfPrefix(prefix);
    const rocksdb::Slice upper_bound = end;
    rocksdb::ReadOptions options;
    if (!end.empty()) options.iterate_upper_bound = &upper_bound;
    const std::unique_ptr<rocksdb::Iterator> row(
        database_->db()->NewIterator(options, database_->family(family)));
    for (row->Seek(SliceOf(std::max(prefix, first))); row->Valid(); row->Next()) {
      if (!visit(ViewOf(row->key()), ViewOf(row->value()))) break;
    }
    return Translate(row->status());
  }

  absl::Status Commit(const Batch& batch) override {
    if (failed_) return FaultStatus();
    rocksdb::WriteBatch changes;
    for (const Batch::Change& change : batch.changes()) {
      rocksdb::ColumnFamilyHandle* const family = database_->family(change.family);
      const rocksdb::Status status = AddChange(change, family, &changes);
      if (!status.ok()) return Translate(status);
    }
    rocksdb::WriteOptions options;
    options.sync = sync_every_commit_;
    const absl::Status status = Translate(database_->db()->Write(options, &changes));
    if (!status.ok()) return Fail("write", status);
    ++commit_count_;
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (failed_) return FaultStatus();
    if (sync_every_commit_ || synced_count_ >= commit_count_) return absl::OkStatus();
    return sync_.Run();
  }

  std::string fault() const override {
    MutexLock lock(&mutex_);
    return fault_;
  }

  std::string durability_id() const override {
    MutexLock lock(&mutex_);
    return durability_id_;
  }

 private:
  absl::Status SyncLog() {
    const uint64_t covered = commit_count_;
    const absl::Status status = Translate(database_->db()->SyncWAL());
    if (!status.ok()) return Fail("sync", status);
    synced_count_ = covered;
    return absl::OkStatus();
  }

  void SyncNowAndThen() {
    MutexLock lock(&mutex_);
    while (!stopping_) {
      wake_syncer_.WaitFor(&mutex_, sync_interval_);
      lock.Unlock();
      // A failure is in fault() for everybody to see.
      if (!failed_) Sync().IgnoreError();
      lock.Lock();
    }
  }

  // From here on answered commits may be lost, and those who wrote them learn it by the id.
  absl::Status Fail(std::string_view what, const absl::Status& status) {
    MutexLock lock(&mutex_);
    if (failed_) return status;
    fault_ = std::string(what) + " failed: " + MessageOf(status);
    durability_id_ = NewUuid();
    failed_ = true;
    spdlog::critical("metadata store: {}; no change is taken until a restart", fault_);
    StoreIdentity identity = directory_.identity();
    identity.durability_id = durability_id_;
    const absl::Status written = directory_.Write(std::move(identity));
    if (!written.ok()) spdlog::critical("metadata store: {}", MessageOf(written));
    return status;
  }

  absl::Status FaultStatus() const {
    return PosixError(EIO, "the metadata store takes no changes: " + fault());
  }

  // Constant.
  const bool sync_every_commit_;
  const std::chrono::milliseconds sync_interval_;
  const std::unique_ptr<Database> database_;
  std::thread syncer_;

  // Synchronized by themselves. A commit counts once it is in the log.
  GroupSync sync_;
  std::atomic<bool> failed_{false};
  std::atomic<uint64_t> commit_count_{0};
  std::atomic<uint64_t> synced_count_{0};

  mutable Mutex mutex_;
  CondVar wake_syncer_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  StoreDirectory directory_ WEFT_GUARDED_BY(mutex_);
  std::string fault_ WEFT_GUARDED_BY(mutex_);
  std::string durability_id_ WEFT_GUARDED_BY(mutex_);
};

absl::Status ExplainOpen(const std::string& directory, const absl::Status& status) {
  return PosixError(ErrnoOf(status), "cannot open the database in " + directory + ": " +
                                         MessageOf(status) +
                                         "; if it is damaged, restore it from a backup");
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvStore>> OpenRocksKvStore(RocksKvOptions options) {
  WEFT_ASSIGN_OR_RETURN(StoreDirectory directory, StoreDirectory::Open(options.directory));
  if (options.boot_id.empty()) {
    WEFT_ASSIGN_OR_RETURN(options.boot_id, KernelBootId());
  }
  const bool fresh = !directory.identity().ready;
  if (fresh) {
    WEFT_RETURN_IF_ERROR(directory.Write(StoreIdentity{}));
  } else if (directory.identity().format < kStoreFormatVersion) {
    // An older program must not use the database once it has the new families.
    StoreIdentity identity = directory.identity();
    identity.format = kStoreFormatVersion;
    WEFT_RETURN_IF_ERROR(directory.Write(std::move(identity)));
  }
  auto database = Database::Open(directory.database_path(), fresh, options.block_cache_bytes);
  if (!database.ok()) return ExplainOpen(options.directory, database.status());
  if (fresh || directory.identity().boot_id != options.boot_id) {
    WEFT_RETURN_IF_ERROR(
        directory.Write({.ready = true, .boot_id = options.boot_id, .durability_id = NewUuid()}));
  }
  return std::make_unique<RocksKvStore>(options, std::move(directory), *std::move(database));
}

}  // namespace weft::metadata
