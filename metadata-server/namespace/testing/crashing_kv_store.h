// A store that stops taking commits, as if the process died: at once, or after some more commits.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "common/status.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

class CrashingKvStore final : public KvStore {
 public:
  // `store` must outlive this.
  explicit CrashingKvStore(KvStore* store) : store_(store) {}

  // The next `count` commits work, the later ones do not.
  void CrashAfter(int64_t count) {
    commits_left_ = count;
    has_crashed_ = count == 0;
  }
  [[nodiscard]] bool has_crashed() const { return has_crashed_; }
  [[nodiscard]] int64_t commit_count() const { return commit_count_; }

  absl::StatusOr<std::string> Get(Family family, std::string_view key) const override {
    return store_->Get(family, key);
  }
  absl::Status Scan(
      Family family, std::string_view prefix, std::string_view first,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return store_->Scan(family, prefix, first, visit);
  }
  absl::Status Commit(const Batch& batch) override {
    if (commits_left_-- <= 0) has_crashed_ = true;
    if (has_crashed_) return PosixError(EIO, "crashed");
    ++commit_count_;
    return store_->Commit(batch);
  }
  absl::Status Sync() override { return store_->Sync(); }
  std::string fault() const override { return has_crashed_ ? "crashed" : store_->fault(); }
  std::string durability_id() const override { return store_->durability_id(); }

 private:
  KvStore* const store_;
  std::atomic<int64_t> commits_left_{INT64_MAX};
  std::atomic<int64_t> commit_count_{0};
  std::atomic<bool> has_crashed_{false};
};

}  // namespace weft::metadata
