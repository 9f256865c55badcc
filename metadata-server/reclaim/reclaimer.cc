#include "metadata-server/reclaim/reclaimer.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/wire/backoff.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/records.pb.h"

namespace weft::metadata {
namespace {

constexpr size_t kBatchRows = 1024;

struct Row {
  std::string key;
  ReclaimRecord record;
};

// Tries again while targets are away or catch up with the map; other errors are final.
bool IsPassing(const absl::Status& status) {
  const int error = ErrnoOf(status);
  return IsTransport(status) || error == EAGAIN || error == ESTALE || error == ENXIO;
}

}  // namespace

Reclaimer::Reclaimer(Options options, KvStore* store, ContentCalls* calls)
    : options_(std::move(options)), store_(store), calls_(calls), worker_([this] { Run(); }) {}

Reclaimer::~Reclaimer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
  }
  worker_.join();
}

absl::Status Reclaimer::Truncate(const proto::Content& content, uint64_t size_bytes) {
  // The shrink must not be lost while the chunks are cut already.
  WEFT_RETURN_IF_ERROR(store_->Sync());
  wire::Backoff backoff(std::chrono::steady_clock::now() + options_.cut_wait);
  for (;;) {
    const absl::Status status = calls_->Truncate(content, size_bytes, options_.call_timeout);
    if (status.ok() || !IsPassing(status) || stopping() || !backoff.Wait()) return status;
  }
}

absl::StatusOr<uint64_t> Reclaimer::End(const proto::Content& content) {
  wire::Backoff backoff(std::chrono::steady_clock::now() + options_.cut_wait);
  for (;;) {
    absl::StatusOr<uint64_t> end = calls_->End(content, options_.call_timeout);
    if (end.ok() || !IsPassing(end.status()) || stopping() || !backoff.Wait()) return end;
  }
}

void Reclaimer::WakeReclaim() {
  MutexLock lock(&mutex_);
  work_ = true;
  wake_.SignalAll();
}

GroupSet Reclaimer::SetForNewContent(PoolId pool) { return options_.newest_group_set(pool); }

bool Reclaimer::stopping() {
  MutexLock lock(&mutex_);
  return stopping_;
}

bool Reclaimer::WaitForWork(std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  MutexLock lock(&mutex_);
  while (!stopping_ && !work_ && wake_.WaitUntil(&mutex_, deadline)) {
  }
  work_ = false;
  return !stopping_;
}

void Reclaimer::Run() {
  while (WaitForWork(options_.retry_interval)) {
    while (!stopping() && DeleteBatch()) {
    }
  }
}

bool Reclaimer::DeleteBatch() {
  std::vector<Row> rows;
  absl::Status status =
      store_->Scan(Family::kReclaim, {}, {}, [&rows](std::string_view key, std::string_view value) {
        Row& row = rows.emplace_back();
        row.key = std::string(key);
        if (!row.record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          spdlog::error("reclaim: the row of content {} is damaged; it is left alone",
                        ContentOfKey(key).value());
          rows.pop_back();
        }
        return rows.size() < kBatchRows;
      });
  pending_ = rows.size();
  if (rows.empty()) return false;
  if (status.ok()) status = store_->Sync();
  if (!status.ok()) {
    spdlog::warn("reclaim: the store gave no rows: {}", MessageOf(status));
    return false;
  }
  Batch done;
  size_t left = 0;
  for (const Row& row : rows) {
    if (stopping()) break;
    const absl::Status removed = calls_->Remove(row.record.content(), options_.call_timeout);
    if (removed.ok()) {
      done.Delete(Family::kReclaim, row.key);
    } else if (left++ == 0) {
      spdlog::info("reclaim: content {} waits: {}", row.record.content().content_id(),
                   MessageOf(removed));
    }
  }
  if (!done.empty()) status = store_->Commit(done);
  pending_ = left;
  return status.ok() && left == 0 && rows.size() == kBatchRows;
}

}  // namespace weft::metadata
