#include "client/fuse/dir_positions.h"

#include <algorithm>
#include <functional>

namespace weft::fuse {
namespace {

constexpr int kCountShift = 32;
constexpr uint32_t kMaxCount = INT32_MAX;  // positions are positive: an off_t is signed
constexpr int64_t kUnknownPosition = -1;

}  // namespace

uint32_t DirPositions::HashOf(std::string_view name) {
  return static_cast<uint32_t>(std::hash<std::string_view>{}(name));
}

std::optional<DirPositions::Place> DirPositions::Find(int64_t position) const {
  if (position < 0) return std::nullopt;
  if (position == kStart || position == kAfterDot || position == kAfterDotDot) return Place{};
  const uint32_t count = static_cast<uint32_t>(position >> kCountShift);
  if (count < kFirstCount || count >= next_) return std::nullopt;
  const Batch& last = batches_.back();
  if (count >= last.first) return Place{.after_name = names_[count - last.first]};
  if (position == last.begin_position) return Place{.after_name = last.after_name};

  const auto after =
      std::upper_bound(batches_.begin(), batches_.end(), count,
                       [](uint32_t value, const Batch& batch) { return value < batch.first; });
  return Place{.after_name = std::prev(after)->after_name,
               .skip_to_hash = static_cast<uint32_t>(position)};
}

void DirPositions::Clear() {
  next_ = kFirstCount;
  batches_.clear();
  names_.clear();
}

void DirPositions::BeginBatch(int64_t position, std::string_view after_name) {
  const bool last_is_empty = !batches_.empty() && names_.empty();
  if (last_is_empty) batches_.pop_back();
  if (batches_.size() >= kMaxBatches) JoinBatches();
  batches_.push_back(
      {.first = next_, .begin_position = position, .after_name = std::string(after_name)});
  names_.clear();
}

std::optional<int64_t> DirPositions::Next(std::string_view name) const {
  if (next_ >= kMaxCount) return std::nullopt;
  return static_cast<int64_t>((uint64_t{next_} << kCountShift) | HashOf(name));
}

void DirPositions::HandedOut(std::string_view name) {
  names_.emplace_back(name);
  ++next_;
}

void DirPositions::JoinBatches() {
  std::vector<Batch> joined;
  joined.reserve(batches_.size() / 2 + 1);
  for (size_t i = 0; i < batches_.size(); i += 2) {
    Batch& batch = batches_[i];
    // After a seek a batch may begin before the one that came before it.
    if (i + 1 < batches_.size() && batches_[i + 1].after_name < batch.after_name) {
      batch.after_name = batches_[i + 1].after_name;
    }
    batch.begin_position = kUnknownPosition;  // only the last one's is looked at
    joined.push_back(std::move(batch));
  }
  batches_ = std::move(joined);
}

}  // namespace weft::fuse
