#include "metadata-server/store/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <array>
#include <memory>

#include "metadata-server/store/counters.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {
namespace {

// Names on disk, in the order of Family. A name once released is never used for something else.
constexpr std::array<const char*, kFamilyCount> kFamilyNames = {
    "meta",     "inode",   "dentry", "inline",  "xattr", "orphan",   "reclaim",
    "truncate", "session", "reply",  "cluster", "quota", "quota_use"};

// Memory: all memtables together, besides the block cache. The log that a start must replay is
// bounded too.
constexpr size_t kAllMemtablesBytes = size_t{64} << 20;
constexpr size_t kMemtableBytes = size_t{16} << 20;
constexpr uint64_t kMaxLogBytes = uint64_t{128} << 20;
constexpr int kMaxOpenFiles = 512;
constexpr uint64_t kWritebackBytes = 1 << 20;  // start writing back early: a sync finds less to do

constexpr double kBloomBitsPerKey = 10;
constexpr uint64_t kMinBlobBytes = 512;
constexpr uint64_t kBlobFileBytes = uint64_t{64} << 20;

// A table in which so many of so many keys in a row are deletions is compacted, so that a directory
// that was emptied is quick to scan again.
constexpr size_t kDeletionWindow = 4096;
constexpr size_t kDeletionTrigger = 2048;

class AddCounters final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice& /*key*/, const rocksdb::Slice* existing,
             const rocksdb::Slice& addends, std::string* sum,
             rocksdb::Logger* /*log*/) const override {
    *sum = SumOfCounters(existing == nullptr ? std::string_view() : ViewOf(*existing),
                         ViewOf(addends));
    return true;
  }
  // Kept in the database: it never changes.
  const char* Name() const override { return "weft.add_counters"; }

 private:
  static std::string_view ViewOf(const rocksdb::Slice& slice) {
    return {slice.data(), slice.size()};
  }
};

rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache,
                                           Family family) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.optimize_filters_for_memory = true;

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = kMemtableBytes;
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  options.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(kDeletionWindow, kDeletionTrigger));
  if (HasCounters(family)) options.merge_operator = std::make_shared<AddCounters>();
  if (family == Family::kInline) {
    options.enable_blob_files = true;
    options.min_blob_size = kMinBlobBytes;
    options.blob_file_size = kBlobFileBytes;
    options.blob_compression_type = rocksdb::kLZ4Compression;
    options.enable_blob_garbage_collection = true;
    options.blob_cache = cache;
  }
  return options;
}

}  // namespace

rocksdb::DBOptions RocksDbOptions(bool create) {
  rocksdb::DBOptions options;
  options.create_if_missing = create;
  options.create_missing_column_families = true;  // those of newer formats
  // After power loss: all batches up to some point, in order.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_bgerror_resume_count = 0;  // a failed write is reported, not retried
  options.db_write_buffer_size = kAllMemtablesBytes;
  options.max_total_wal_size = kMaxLogBytes;
  options.wal_bytes_per_sync = kWritebackBytes;
  options.bytes_per_sync = kWritebackBytes;
  options.max_open_files = kMaxOpenFiles;
  options.max_background_jobs = 2;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 4;
  options.max_log_file_size = 1 << 20;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> RocksFamilies(size_t block_cache_bytes) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, FamilyOptions(cache, Family::kMeta));
  for (size_t i = 0; i < kFamilyNames.size(); ++i) {
    families.emplace_back(kFamilyNames[i], FamilyOptions(cache, static_cast<Family>(i)));
  }
  return families;
}

}  // namespace weft::metadata
