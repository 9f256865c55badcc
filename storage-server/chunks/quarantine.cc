#include "storage-server/chunks/quarantine.h"

#include <algorithm>
#include <utility>

namespace weft::storage {

uint64_t Quarantine::BeginRead() {
  const MutexLock lock(&mutex_);
  reads_.emplace(next_read_, std::nullopt);
  return next_read_++;
}

void Quarantine::SetRuns(uint64_t read, std::vector<BlockRun> runs) {
  const MutexLock lock(&mutex_);
  reads_[read] = std::move(runs);
}

void Quarantine::EndRead(uint64_t read) {
  const MutexLock lock(&mutex_);
  reads_.erase(read);
}

void Quarantine::Add(std::vector<BlockRun> runs) {
  if (runs.empty()) return;
  const MutexLock lock(&mutex_);
  blocks_ += CountBlocks(runs);
  entries_.push_back({clock_->Now() + kTime, next_read_, std::move(runs)});
}

std::vector<BlockRun> Quarantine::TakeDue() {
  const MutexLock lock(&mutex_);
  std::vector<BlockRun> out;
  const Clock::TimePoint now = clock_->Now();
  for (size_t left = entries_.size(); left > 0; --left) {
    if (entries_.front().due > now && entries_.size() <= kMaxEntries) break;
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    if (IsHeld(entry)) {  // looked at again after another kTime, so that it does not cost each call
      entry.due = now + kTime;
      entries_.push_back(std::move(entry));
    } else {
      Release(entry, &out);
    }
  }
  return out;
}

std::vector<BlockRun> Quarantine::TakeAll() {
  const MutexLock lock(&mutex_);
  std::vector<BlockRun> out;
  std::deque<Entry> held;
  for (Entry& entry : entries_) {
    if (IsHeld(entry)) {
      held.push_back(std::move(entry));
    } else {
      Release(entry, &out);
    }
  }
  entries_ = std::move(held);
  return out;
}

uint64_t Quarantine::blocks() const {
  const MutexLock lock(&mutex_);
  return blocks_;
}

bool Quarantine::IsHeld(const Entry& entry) const {
  return std::any_of(reads_.begin(), reads_.lower_bound(entry.before_read), [&](const auto& read) {
    return !read.second || Intersects(*read.second, entry.runs);
  });
}

void Quarantine::Release(const Entry& entry, std::vector<BlockRun>* out) {
  blocks_ -= CountBlocks(entry.runs);
  out->insert(out->end(), entry.runs.begin(), entry.runs.end());
}

}  // namespace weft::storage
