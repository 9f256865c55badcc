#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <cerrno>

#include "common/status.h"
#include "storage-server/chunks/chunk_index.h"

namespace weft::storage {
namespace {

constexpr size_t kBlockCacheBytes = size_t{64} << 20;
constexpr size_t kWriteBufferBytes = size_t{64} << 20;
constexpr size_t kMaxWalBytes = size_t{256} << 20;
constexpr size_t kMaxInfoLogBytes = size_t{4} << 20;
constexpr size_t kInfoLogsKept = 2;
constexpr int kMaxOpenFiles = 512;
constexpr double kBloomBitsPerKey = 10;

absl::Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const int error = status.IsNoSpace() ? ENOSPC : EIO;
  return PosixError(error, std::string(what) + ": " + status.ToString());
}

rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view FromSlice(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

rocksdb::Options OptionsFor(IndexMode mode) {
  rocksdb::Options options;
  options.create_if_missing = mode == IndexMode::kCreate;
  options.paranoid_checks = true;
  // After power loss: everything up to the first record that is not whole, as the store assumes.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.compression = rocksdb::kNoCompression;  // checksums do not compress
  options.write_buffer_size = kWriteBufferBytes;
  options.max_total_wal_size = kMaxWalBytes;
  options.max_open_files = kMaxOpenFiles;
  options.max_log_file_size = kMaxInfoLogBytes;
  options.keep_log_file_num = kInfoLogsKept;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.cache_index_and_filter_blocks = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksIndex final : public ChunkIndex {
 public:
  explicit RocksIndex(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}
  ~RocksIndex() override { db_->Close().PermitUncheckedError(); }

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    std::string value;
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), ToSlice(key), &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    WEFT_RETURN_IF_ERROR(FromRocks(status, "read the index"));
    return std::optional<std::string>(std::move(value));
  }

  absl::Status Apply(std::span<const Change> changes) override {
    rocksdb::WriteBatch batch;
    for (const Change& change : changes) {
      const rocksdb::Status status = change.value
                                         ? batch.Put(ToSlice(change.key), ToSlice(*change.value))
                                         : batch.Delete(ToSlice(change.key));
      WEFT_RETURN_IF_ERROR(FromRocks(status, "write the index"));
    }
    return FromRocks(db_->Write(rocksdb::WriteOptions(), &batch), "write the index");
  }

  absl::Status Sync() override { return FromRocks(db_->SyncWAL(), "sync the index"); }

  absl::Status Scan(
      std::string_view first, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    const rocksdb::Slice bound = ToSlice(end);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
    for (at->Seek(ToSlice(first)); at->Valid(); at->Next()) {
      if (!visit(FromSlice(at->key()), FromSlice(at->value()))) break;
    }
    return FromRocks(at->status(), "read the index");
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkIndex>> OpenRocksIndex(const std::string& directory,
                                                           IndexMode mode) {
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(OptionsFor(mode), directory, &db);
  std::unique_ptr<rocksdb::DB> owned(db);
  WEFT_RETURN_IF_ERROR(FromRocks(status, "open the index " + directory));
  return std::make_unique<RocksIndex>(std::move(owned));
}

}  // namespace weft::storage
