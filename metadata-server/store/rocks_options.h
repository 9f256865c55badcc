// How the metadata store sets up RocksDB. Only for store/.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <vector>

namespace weft::metadata {

[[nodiscard]] rocksdb::DBOptions RocksDbOptions(bool create);
// "default", which RocksDB wants and nothing uses, and behind it one for each Family, in its order.
[[nodiscard]] std::vector<rocksdb::ColumnFamilyDescriptor> RocksFamilies(size_t block_cache_bytes);

}  // namespace weft::metadata
