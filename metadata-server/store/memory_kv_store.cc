#include <absl/container/btree_map.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"
#include "common/uuid.h"
#include "metadata-server/store/counters.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {
namespace {

class MemoryKvStore final : public KvStore {
 public:
  absl::StatusOr<std::string> Get(Family family, std::string_view key) const override {
    MutexLock lock(&mutex_);
    const Rows& rows = families_[static_cast<size_t>(family)];
    const auto row = rows.find(std::string(key));
    if (row == rows.end()) return PosixError(ENOENT, "no such key");
    return row->second;
  }

  absl::Status Scan(
      Family family, std::string_view prefix, std::string_view first,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    for (const auto& [key, value] : Snapshot(family, prefix, first)) {
      if (!visit(key, value)) break;
    }
    return absl::OkStatus();
  }

  absl::Status Commit(const Batch& batch) override {
    MutexLock lock(&mutex_);
    for (const Batch::Change& change : batch.changes()) {
      Rows& rows = families_[static_cast<size_t>(change.family)];
      if (change.is_addition) {
        std::string& counters = rows[change.key];
        counters = SumOfCounters(counters, *change.value);
      } else if (change.value) {
        rows.insert_or_assign(change.key, *change.value);
      } else {
        rows.erase(change.key);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override { return absl::OkStatus(); }
  std::string fault() const override { return {}; }
  std::string durability_id() const override { return durability_id_; }

 private:
  using Rows = absl::btree_map<std::string, std::string>;

  std::vector<std::pair<std::string, std::string>> Snapshot(Family family, std::string_view prefix,
                                                            std::string_view first) const {
    MutexLock lock(&mutex_);
    const Rows& rows = families_[static_cast<size_t>(family)];
    std::vector<std::pair<std::string, std::string>> found;
    for (auto row = rows.lower_bound(std::string(std::max(prefix, first)));
         row != rows.end() && row->first.starts_with(prefix); ++row) {
      found.emplace_back(*row);
    }
    return found;
  }

  const std::string durability_id_ = NewUuid();

  mutable Mutex mutex_;
  std::array<Rows, kFamilyCount> families_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<KvStore> NewMemoryKvStore() { return std::make_unique<MemoryKvStore>(); }

}  // namespace weft::metadata
