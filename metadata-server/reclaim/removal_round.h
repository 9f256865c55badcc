// One pass over the contents that wait for deletion (Family::kReclaim).
//
// A row is acted on only once the store was synced past it (else a power loss could bring back a
// file whose chunks are gone), and it goes only once every target that can hold the content has
// answered that the removal is durable. Targets that do not answer are left out for the rest of the
// pass, and the row remembers which others are done. Not thread-safe.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "metadata-server/namespace/records.pb.h"
#include "metadata-server/reclaim/content_calls.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

class RemovalRound {
 public:
  // `stopping` ends the pass early. Pointers must outlive it.
  RemovalRound(KvStore* store, ContentCalls* calls, std::chrono::milliseconds call_timeout,
               std::function<bool()> stopping);

  // Runs the pass, once. Returns how many rows it could not finish; EIO: the store fails.
  [[nodiscard]] absl::StatusOr<size_t> Run();

 private:
  struct Row {
    std::string key;
    ReclaimRecord record;
    std::vector<TargetId> waiting;  // targets that are still to answer
    bool has_changed = false;
  };

  // The next rows, at most kBatchRows.
  [[nodiscard]] absl::StatusOr<std::vector<Row>> ReadRows(const std::string& first) const;
  // Sends the removals of these rows to all targets that answer.
  void RemoveRows(std::vector<Row>* rows);
  // Makes the calls, a bounded number at once, and leaves the result in each.
  void RemoveInWaves(std::vector<ContentCalls::Removal>* removals);
  [[nodiscard]] absl::Status SaveRows(const std::vector<Row>& rows, size_t* unfinished);
  [[nodiscard]] bool IsAway(TargetId target) const;

  KvStore* const store_;
  ContentCalls* const calls_;
  const std::chrono::milliseconds call_timeout_;
  const std::function<bool()> stopping_;
  absl::flat_hash_set<TargetId> away_;  // did not answer in this pass
};

}  // namespace weft::metadata
