// Storage-servers of which only the ends of contents are known. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <vector>

#include "common/mutex.h"
#include "common/status.h"
#include "metadata-server/namespace/namespace.h"

namespace weft::metadata {

class FakeContentService final : public ContentService {
 public:
  struct Cut {
    ContentId content;
    uint32_t cut = 0;
    uint64_t size_bytes = 0;
    friend bool operator==(const Cut&, const Cut&) = default;
  };

  absl::Status Truncate(const proto::Content& content, uint64_t size_bytes,
                        Patience patience) override {
    MutexLock lock(&mutex_);
    has_waited_ |= patience == Patience::kWait;
    if (is_away_) return TransportError("the storage-servers are away");
    cuts_.push_back({ContentId(content.content_id()), content.cut(), size_bytes});
    uint64_t& end = ends_[ContentId(content.content_id())].end_bytes;
    end = std::min(end, size_bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<StoredContent> End(const proto::Content& content, Patience patience) override {
    MutexLock lock(&mutex_);
    has_waited_ |= patience == Patience::kWait;
    if (is_away_) return TransportError("the storage-servers are away");
    return ends_[ContentId(content.content_id())];
  }
  void WakeReclaim() override {
    MutexLock lock(&mutex_);
    ++wake_count_;
  }
  GroupSet SetForNewContent(PoolId) override {
    return {.base = 0, .count = 64, .epoch = MapEpoch(3)};
  }

  void SetAway(bool is_away) {
    MutexLock lock(&mutex_);
    is_away_ = is_away;
  }
  void SetEnd(ContentId content, const StoredContent& end) {
    MutexLock lock(&mutex_);
    ends_[content] = end;
  }
  std::vector<Cut> cuts() {
    MutexLock lock(&mutex_);
    return cuts_;
  }
  // Whether a call was made that may wait for servers that are away.
  bool has_waited() {
    MutexLock lock(&mutex_);
    return has_waited_;
  }
  void ForgetWaiting() {
    MutexLock lock(&mutex_);
    has_waited_ = false;
  }
  int wake_count() {
    MutexLock lock(&mutex_);
    return wake_count_;
  }

 private:
  Mutex mutex_;
  bool is_away_ WEFT_GUARDED_BY(mutex_) = false;
  bool has_waited_ WEFT_GUARDED_BY(mutex_) = false;
  int wake_count_ WEFT_GUARDED_BY(mutex_) = 0;
  std::vector<Cut> cuts_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<ContentId, StoredContent> ends_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
