#include "metadata-server/reclaim/reclaimer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/status.h"
#include "common/wire/backoff.h"
#include "metadata-server/reclaim/removal_round.h"

namespace weft::metadata {
namespace {

// Deletions that come together share a pass, and a sync of the store.
constexpr std::chrono::milliseconds kGatherTime{20};

// Targets that are away, or catch up with the map, may answer the next time; other errors are
// final.
bool IsPassing(const absl::Status& status) {
  const int error = ErrnoOf(status);
  return IsTransport(status) || error == EAGAIN || error == ESTALE || error == ENXIO;
}

absl::Status ToStatus(const absl::Status& status) { return status; }
template <typename T>
absl::Status ToStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

Reclaimer::Reclaimer(Options options, KvStore* store, ContentCalls* calls)
    : options_(std::move(options)), store_(store), calls_(calls), worker_([this] { Run(); }) {}

Reclaimer::~Reclaimer() { Stop(); }

void Reclaimer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (worker_.joinable()) worker_.join();
}

template <typename Call>
auto Reclaimer::TryCall(const proto::Content& content, Patience patience, Call call)
    -> decltype(call()) {
  if (patience == Patience::kOneTry) {
    WEFT_RETURN_IF_ERROR(calls_->CheckOnline(content));
    return call();
  }
  wire::Backoff backoff(std::chrono::steady_clock::now() + options_.cut_wait);
  for (;;) {
    auto result = call();
    const absl::Status status = ToStatus(result);
    if (status.ok() || !IsPassing(status) || stopping_ || !backoff.Wait()) return result;
  }
}

absl::Status Reclaimer::Truncate(const proto::Content& content, uint64_t size_bytes,
                                 Patience patience) {
  WEFT_RETURN_IF_ERROR(store_->Sync());
  return TryCall(content, patience,
                 [&] { return calls_->Truncate(content, size_bytes, options_.call_timeout); });
}

absl::StatusOr<StoredContent> Reclaimer::End(const proto::Content& content, Patience patience) {
  return TryCall(content, patience, [&] { return calls_->End(content, options_.call_timeout); });
}

GroupSet Reclaimer::SetForNewContent(PoolId pool) { return options_.newest_group_set(pool); }

void Reclaimer::WakeReclaim() {
  MutexLock lock(&mutex_);
  has_work_ = true;
  wake_.SignalAll();
}

uint64_t Reclaimer::CountPending() const {
  uint64_t pending = 0;
  const absl::Status scanned =
      store_->Scan(Family::kReclaim, {}, {},
                   [&](std::string_view, std::string_view) { return ++pending < kMostCounted; });
  if (!scanned.ok()) spdlog::warn("reclaim: {}", MessageOf(scanned));
  return pending;
}

bool Reclaimer::WaitForWork(std::chrono::milliseconds at_least, std::chrono::milliseconds at_most) {
  const auto now = std::chrono::steady_clock::now();
  MutexLock lock(&mutex_);
  while (!stopping_ && !has_work_ && wake_.WaitUntil(&mutex_, now + at_most)) {
  }
  const auto begin_at = std::max(now + at_least, std::chrono::steady_clock::now() + kGatherTime);
  while (!stopping_ && wake_.WaitUntil(&mutex_, begin_at)) {
  }
  has_work_ = false;
  return !stopping_;
}

void Reclaimer::Run() {
  std::chrono::milliseconds pause = options_.first_pause;
  bool is_done = true;
  // While rows are left over, each pass reads all of them: not for every deletion.
  while (WaitForWork(is_done ? std::chrono::milliseconds(0) : options_.first_pause,
                     is_done ? options_.most_pause : pause)) {
    RemovalRound round(store_, calls_, options_.call_timeout, [this] { return stopping_.load(); });
    const absl::StatusOr<size_t> unfinished = round.Run();
    if (!unfinished.ok()) spdlog::warn("reclaim: {}", MessageOf(unfinished.status()));
    is_done = unfinished.ok() && *unfinished == 0;
    pause = is_done ? options_.first_pause : std::min(2 * pause, options_.most_pause);
  }
}

}  // namespace weft::metadata
