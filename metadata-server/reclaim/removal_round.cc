#include "metadata-server/reclaim/removal_round.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/keys.h"

namespace weft::metadata {
namespace {

constexpr size_t kBatchRows = 256;
constexpr size_t kCallsInFlight = 64;  // over all targets

}  // namespace

RemovalRound::RemovalRound(KvStore* store, ContentCalls* calls,
                           std::chrono::milliseconds call_timeout, std::function<bool()> stopping)
    : store_(store), calls_(calls), call_timeout_(call_timeout), stopping_(std::move(stopping)) {}

absl::StatusOr<size_t> RemovalRound::Run() {
  size_t unfinished = 0;
  std::string first;
  while (!stopping_()) {
    WEFT_ASSIGN_OR_RETURN(std::vector<Row> rows, ReadRows(first));
    if (rows.empty()) break;
    first = rows.back().key + '\0';  // the least key behind it
    const bool has_calls = std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
      return std::any_of(row.waiting.begin(), row.waiting.end(),
                         [&](TargetId target) { return !IsAway(target); });
    });
    if (has_calls) {
      WEFT_RETURN_IF_ERROR(store_->Sync());
      RemoveRows(&rows);
    }
    WEFT_RETURN_IF_ERROR(SaveRows(rows, &unfinished));
  }
  return unfinished;
}

absl::StatusOr<std::vector<RemovalRound::Row>> RemovalRound::ReadRows(
    const std::string& first) const {
  const std::shared_ptr<const ClusterMap> map = calls_->map();
  std::vector<Row> rows;
  WEFT_RETURN_IF_ERROR(
      store_->Scan(Family::kReclaim, {}, first, [&](std::string_view key, std::string_view value) {
        Row row{.key = std::string(key)};
        if (!row.record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          spdlog::error("reclaim: the row of content {} is damaged and left alone",
                        ContentOfKey(key).value());
          return true;
        }
        const auto& done = row.record.done_targets();
        for (const TargetId target : map->TargetsOf(row.record.content())) {
          if (std::find(done.begin(), done.end(), target.value()) == done.end()) {
            row.waiting.push_back(target);
          }
        }
        rows.push_back(std::move(row));
        return rows.size() < kBatchRows;
      }));
  return rows;
}

bool RemovalRound::IsAway(TargetId target) const {
  if (away_.contains(target)) return true;
  const std::shared_ptr<const ClusterMap> map = calls_->map();
  const TargetInfo* info = map->FindTarget(target);
  return info == nullptr || info->node_state == proto::NODE_OFFLINE;
}

void RemovalRound::RemoveRows(std::vector<Row>* rows) {
  std::vector<ContentCalls::Removal> removals;
  for (const Row& row : *rows) {
    for (const TargetId target : row.waiting) {
      removals.push_back({ContentId(row.record.content().content_id()), target, {}});
    }
  }
  RemoveInWaves(&removals);
  auto removal = removals.begin();  // in the order of rows and their targets
  for (Row& row : *rows) {
    std::vector<TargetId> waiting;
    for (const TargetId target : row.waiting) {
      if ((removal++)->result.ok()) {
        row.record.add_done_targets(target.value());
        row.has_changed = true;
      } else {
        waiting.push_back(target);
      }
    }
    row.waiting = std::move(waiting);
  }
}

void RemovalRound::RemoveInWaves(std::vector<ContentCalls::Removal>* removals) {
  std::vector<size_t> wave;
  for (size_t next = 0; next < removals->size();) {
    wave.clear();
    for (; next < removals->size() && wave.size() < kCallsInFlight; ++next) {
      auto& removal = (*removals)[next];
      if (stopping_() || IsAway(removal.target)) {
        removal.result = TransportError("not tried");
      } else {
        wave.push_back(next);
      }
    }
    std::vector<ContentCalls::Removal> calls;
    for (const size_t index : wave) calls.push_back((*removals)[index]);
    calls_->Remove(calls, call_timeout_);
    for (size_t i = 0; i < wave.size(); ++i) {
      (*removals)[wave[i]].result = calls[i].result;
      if (calls[i].result.ok() || !away_.insert(calls[i].target).second) continue;
      spdlog::info("reclaim: contents wait for {}", MessageOf(calls[i].result));
    }
  }
}

absl::Status RemovalRound::SaveRows(const std::vector<Row>& rows, size_t* unfinished) {
  Batch batch;
  for (const Row& row : rows) {
    if (row.waiting.empty()) {
      batch.Delete(Family::kReclaim, row.key);
      continue;
    }
    ++*unfinished;
    if (row.has_changed) batch.Put(Family::kReclaim, row.key, row.record.SerializeAsString());
  }
  return batch.empty() ? absl::OkStatus() : store_->Commit(batch);
}

}  // namespace weft::metadata
