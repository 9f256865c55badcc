#include "client/core/chunk_call.h"

#include <absl/container/flat_hash_map.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/status.h"

namespace weft::client {
namespace {

// After so long a try is given up and repeated.
constexpr std::chrono::milliseconds kTryTimeout{15'000};
// Times that a try is repeated at once because its generation was outdated. Each time another
// request got no answer meanwhile, so this is more than it takes.
constexpr int kMaxTriesAtOnce = 16;
// Lines about servers that do not answer are at least so far apart.
constexpr std::chrono::seconds kReportEvery{5};
constexpr uint32_t kWholeTarget = UINT32_MAX;  // see proto Route.group

bool IsAboutTheWay(const absl::Status& error) {
  if (IsTransport(error)) return true;
  const int code = ErrnoOf(error);
  return code == ESTALE || code == ENXIO || code == EAGAIN || code == ECANCELED;
}

absl::StatusOr<Destination> To(const ClusterMap& map, TargetId target, uint32_t group,
                               MapEpoch epoch) {
  const TargetInfo* info = map.FindTarget(target);
  if (info == nullptr) {
    return PosixError(ENXIO, "target " + std::to_string(target.value()) + " is not in the map");
  }
  Destination destination{*info, {}};
  destination.route.set_target_id(target.value());
  destination.route.set_group(group);
  destination.route.set_map_epoch(epoch.value());
  return destination;
}

}  // namespace

std::chrono::milliseconds TryTimeout(IoTimeout::TimePoint began, IoTimeout::TimePoint deadline,
                                     IoTimeout::TimePoint now) {
  using std::chrono::milliseconds;
  const auto left = std::min(began + kTryTimeout, deadline) - now;
  return std::max(std::chrono::duration_cast<milliseconds>(left), milliseconds(1));
}

absl::StatusOr<Destination> DestinationOfChunk(const ClusterMap& map, const proto::Content& content,
                                               uint32_t chunk) {
  WEFT_ASSIGN_OR_RETURN(const ChunkRoute route, map.Locate(content, chunk));
  return To(map, ServingTarget(route), route.group, route.epoch);
}

absl::StatusOr<Destination> DestinationOfTarget(const ClusterMap& map, TargetId target) {
  return To(map, target, kWholeTarget, map.epoch());
}

ChunkCall::Verdict ChunkCall::Refused(const absl::Status& error) { return Fail(error); }

ChunkCall::Verdict ChunkCall::Fail(const absl::Status& error) {
  std::string context = what();
  if (!target_.id.is_none()) {
    context += " on target " + std::to_string(target_.id.value()) + " of " + target_.node_name;
  }
  result_ = Annotate(error, context);
  return Verdict::kDone;
}

ChunkCall::Verdict ChunkCall::Succeed() {
  result_ = absl::OkStatus();
  return Verdict::kDone;
}

void ChunkCallRunner::Run(std::vector<ChunkCall*> calls) {
  wire::Backoff backoff(timeout_->Deadline());
  for (;;) {
    const auto map = maps_->Current();
    std::vector<ChunkCall*> again;
    for (size_t at = 0; at < calls.size(); at += kMaxCallsInFlight) {
      const size_t count = std::min(kMaxCallsInFlight, calls.size() - at);
      const auto some = TryAll(map.get(), std::span(calls).subspan(at, count), backoff.deadline());
      again.insert(again.end(), some.begin(), some.end());
    }
    if (again.empty()) return;
    // Who did not answer may take all of the time that is left: the others go first.
    std::stable_partition(again.begin(), again.end(),
                          [](const ChunkCall* call) { return !IsTransport(call->last_error_); });
    calls = std::move(again);
    Report(*calls.front());
    const bool map_is_current = maps_->Refresh().ok() && maps_->Current() == map;
    std::erase_if(calls, [map_is_current](ChunkCall* call) {
      if (!map_is_current || !call->stale_may_mean_cut() || ErrnoOf(call->last_error_) != ESTALE) {
        return false;
      }
      return call->Fail(call->last_error_) == ChunkCall::Verdict::kDone;
    });
    if (calls.empty()) return;
    if (!backoff.Wait()) break;
  }
  for (ChunkCall* call : calls) {
    call->Fail(PosixError(EIO, "gave up after the I/O timeout: " + MessageOf(call->last_error_)));
  }
}

std::vector<ChunkCall*> ChunkCallRunner::TryAll(const ClusterMap* map,
                                                std::span<ChunkCall* const> calls,
                                                IoTimeout::TimePoint deadline) {
  std::vector<ChunkCall*> again = TryOnce(map, calls, deadline);
  for (int tries = 0; tries < kMaxTriesAtOnce; ++tries) {
    const auto first = std::stable_partition(again.begin(), again.end(), [](ChunkCall* call) {
      return ErrnoOf(call->last_error_) != ECANCELED;
    });
    if (first == again.end()) break;
    const std::vector<ChunkCall*> outdated(first, again.end());
    again.erase(first, again.end());
    const auto left = TryOnce(map, outdated, deadline);
    again.insert(again.end(), left.begin(), left.end());
  }
  return again;
}

std::vector<ChunkCall*> ChunkCallRunner::TryOnce(const ClusterMap* map,
                                                 std::span<ChunkCall* const> calls,
                                                 IoTimeout::TimePoint deadline) {
  struct Started {
    ChunkCall* call;
    absl::StatusOr<std::unique_ptr<wire::PendingCall>> pending;
  };
  std::vector<Started> started;
  started.reserve(calls.size());
  const auto began = std::chrono::steady_clock::now();
  // One wait for a server that hangs is enough: its other calls need not wait for it again.
  absl::flat_hash_map<std::string, absl::Status> away;
  for (ChunkCall* call : calls) {
    auto destination = map != nullptr ? call->Find(*map)
                                      : PosixError(ENXIO, "no cluster map has been fetched yet");
    if (!destination.ok()) {
      started.push_back({call, destination.status()});
      continue;
    }
    wire::CallSpec spec = call->Prepare(*destination);
    spec.timeout = TryTimeout(began, deadline, std::chrono::steady_clock::now());
    call->target_ = std::move(destination->target);
    const std::string& address = call->target_.address;
    if (const auto found = away.find(address); found != away.end()) {
      started.push_back({call, found->second});
      continue;
    }
    started.push_back({call, channels_->Get(address).Start(spec)});
    const absl::Status status = started.back().pending.status();
    if (IsTransport(status)) away.emplace(address, status);
  }
  std::vector<ChunkCall*> again;
  for (Started& one : started) {
    absl::StatusOr<size_t> answer =
        one.pending.ok() ? (*one.pending)->Finish() : one.pending.status();
    if (Finish(*one.call, std::move(answer)) == ChunkCall::Verdict::kRepeat) {
      again.push_back(one.call);
    }
  }
  return again;
}

ChunkCall::Verdict ChunkCallRunner::Finish(ChunkCall& call, absl::StatusOr<size_t> answer) {
  if (answer.ok()) {
    call.last_error_ = PosixError(EIO, "the answer was damaged");
    return call.Answered(*answer);
  }
  call.last_error_ = answer.status();
  if (IsTransport(answer.status())) call.Unanswered();
  return IsAboutTheWay(answer.status()) ? ChunkCall::Verdict::kRepeat
                                        : call.Refused(answer.status());
}

void ChunkCallRunner::Report(const ChunkCall& call) {
  const auto now = std::chrono::steady_clock::now();
  {
    MutexLock lock(&mutex_);
    if (now - last_report_ < kReportEvery) return;
    last_report_ = now;
  }
  spdlog::warn("{}: {} ({}): {}; trying again", call.what(), call.target().node_name,
               call.target().address, MessageOf(call.last_error_));
}

}  // namespace weft::client
