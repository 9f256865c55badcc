#include "metadata-server/namespace/quota_table.h"

#include <absl/container/btree_set.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/rows.h"
#include "metadata-server/store/counters.h"

namespace weft::metadata {
namespace {

bool WantsWalk(QuotaRecord::State state) { return state != QuotaRecord::ACTIVE; }

void AddToCounters(InodeId quota, const QuotaUse& delta, Batch* batch) {
  const std::array<int64_t, 2> addends = {delta.bytes, delta.inodes};
  batch->Add(Family::kQuotaUse, InodeKey(quota), addends);
}

void PutRecord(InodeId quota, const QuotaRecord& record, Batch* batch) {
  batch->Put(Family::kQuota, InodeKey(quota), record.SerializeAsString());
}

absl::StatusOr<QuotaUse> ReadUse(const KvStore& store, InodeId quota) {
  const absl::StatusOr<std::string> row = store.Get(Family::kQuotaUse, InodeKey(quota));
  if (ErrnoOf(row.status()) == ENOENT) return QuotaUse();
  WEFT_RETURN_IF_ERROR(row.status());
  return QuotaUse{.bytes = ReadCounter(*row, 0), .inodes = ReadCounter(*row, 1)};
}

// A quota whose directory has gone is removed; the server may have died before it came to that.
absl::StatusOr<bool> IsGone(const KvStore& store, InodeId root) {
  const absl::StatusOr<InodeRecord> directory = ReadLiveDirectory(store, root);
  if (directory.ok()) return false;
  if (ErrnoOf(directory.status()) == EIO) return directory.status();
  return true;
}

bool Exceeds(int64_t used, int64_t delta, uint64_t limit) {
  return delta > 0 && limit > 0 && used + delta > 0 && static_cast<uint64_t>(used + delta) > limit;
}

}  // namespace

void AddDelta(InodeId quota, const QuotaUse& delta, QuotaDeltas* deltas) {
  if (quota.is_none() || delta == QuotaUse()) return;
  const auto found = std::find_if(deltas->begin(), deltas->end(),
                                  [quota](const auto& item) { return item.first == quota; });
  if (found == deltas->end()) {
    deltas->emplace_back(quota, delta);
  } else {
    found->second += delta;
  }
}

absl::Status QuotaTable::Load(const KvStore& store) {
  Entries entries;
  absl::Status failure;
  WEFT_RETURN_IF_ERROR(
      store.Scan(Family::kQuota, {}, {}, [&](std::string_view key, std::string_view value) {
        if (entries[InodeOfKey(key)].record.ParseFromString(std::string(value))) return true;
        failure = PosixError(EIO, "the metadata store is damaged: bad row of a quota");
        return false;
      }));
  WEFT_RETURN_IF_ERROR(failure);
  MutexLock lock(&mutex_);
  for (auto& [id, entry] : entries) {
    WEFT_ASSIGN_OR_RETURN(entry.use, ReadUse(store, id));
    WEFT_ASSIGN_OR_RETURN(const bool is_gone, IsGone(store, id));
    SetState(&entry, is_gone ? QuotaRecord::REMOVING : entry.record.state());
  }
  entries_ = std::move(entries);
  CountStates();
  return absl::OkStatus();
}

std::optional<Quota> QuotaTable::Get(InodeId id) const {
  if (empty()) return std::nullopt;
  MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return std::nullopt;
  return Quota{id, entry->second.record, entry->second.use};
}

bool QuotaTable::IsLive(InodeId id) const {
  if (empty()) return false;
  MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  return entry != entries_.end() && entry->second.record.state() != QuotaRecord::REMOVING;
}

std::vector<Quota> QuotaTable::ChainOf(InodeId quota) const {
  std::vector<Quota> chain;
  if (quota.is_none()) return chain;
  MutexLock lock(&mutex_);
  for (auto entry = entries_.find(quota); entry != entries_.end();
       entry = entries_.find(InodeId(entry->second.record.parent_id()))) {
    chain.push_back({entry->first, entry->second.record, entry->second.use});
  }
  return chain;
}

std::vector<Quota> QuotaTable::After(InodeId id, size_t max_count) const {
  std::vector<Quota> quotas;
  MutexLock lock(&mutex_);
  for (auto entry = entries_.upper_bound(id); entry != entries_.end() && quotas.size() < max_count;
       ++entry) {
    quotas.push_back({entry->first, entry->second.record, entry->second.use});
  }
  return quotas;
}

std::vector<InodeId> QuotaTable::ChildrenOf(InodeId parent) const {
  std::vector<InodeId> children;
  MutexLock lock(&mutex_);
  for (const auto& [id, entry] : entries_) {
    if (InodeId(entry.record.parent_id()) == parent) children.push_back(id);
  }
  return children;
}

void QuotaTable::RootIsGone(InodeId id) {
  if (empty()) return;
  MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  SetState(&entry->second, QuotaRecord::REMOVING);
  CountStates();
}

std::optional<QuotaWalk> QuotaTable::NextWalk() const {
  if (!has_walks()) return std::nullopt;
  MutexLock lock(&mutex_);
  for (const auto& [id, entry] : entries_) {
    if (!WantsWalk(entry.record.state())) continue;
    const bool is_removal = entry.record.state() == QuotaRecord::REMOVING;
    return QuotaWalk{.quota = id,
                     .number = entry.walk_number,
                     .is_removal = is_removal,
                     .target = is_removal ? InodeId(entry.record.parent_id()) : id};
  }
  return std::nullopt;
}

bool QuotaTable::IsCurrent(const QuotaWalk& walk) const {
  MutexLock lock(&mutex_);
  const auto entry = entries_.find(walk.quota);
  if (entry == entries_.end() || entry->second.walk_number != walk.number) return false;
  return !walk.is_removal || InodeId(entry->second.record.parent_id()) == walk.target;
}

QuotaDeltas QuotaTable::Expand(const QuotaDeltas& deltas) const {
  QuotaDeltas all;
  for (const auto& [quota, delta] : deltas) {
    for (auto entry = entries_.find(quota); entry != entries_.end();
         entry = entries_.find(InodeId(entry->second.record.parent_id()))) {
      AddDelta(entry->first, delta, &all);
    }
  }
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const auto& item) { return item.second == QuotaUse(); }),
            all.end());
  return all;
}

std::optional<QuotaExceeded> QuotaTable::FindExceeded(const QuotaDeltas& deltas) const {
  for (const auto& [id, delta] : deltas) {
    const Entry& entry = entries_.at(id);
    const QuotaRecord& record = entry.record;
    if (record.state() == QuotaRecord::REMOVING) continue;
    if (Exceeds(entry.use.inodes, delta.inodes, record.limit_inodes())) {
      return QuotaExceeded{.quota = id,
                           .is_inodes = true,
                           .used = static_cast<uint64_t>(entry.use.inodes),
                           .limit = record.limit_inodes()};
    }
    if (Exceeds(entry.use.bytes, delta.bytes, record.limit_bytes())) {
      return QuotaExceeded{.quota = id,
                           .is_inodes = false,
                           .used = static_cast<uint64_t>(entry.use.bytes),
                           .limit = record.limit_bytes()};
    }
  }
  return std::nullopt;
}

void QuotaTable::Apply(const QuotaDeltas& deltas, Part part) {
  const auto part_of = [part](int64_t delta) -> int64_t {
    switch (part) {
      case Part::kAdditions:
        return std::max<int64_t>(delta, 0);
      case Part::kUndoAdditions:
        return std::min<int64_t>(-delta, 0);
      case Part::kReductions:
        return std::min<int64_t>(delta, 0);
    }
    return 0;
  };
  for (const auto& [id, delta] : deltas) {
    entries_.at(id).use += {part_of(delta.bytes), part_of(delta.inodes)};
  }
}

void QuotaTable::EndCharge() {
  if (--charge_count_ == 0) changed_.SignalAll();
}

void QuotaTable::SetState(Entry* entry, QuotaRecord::State state) {
  entry->record.set_state(state);
  if (WantsWalk(state)) entry->walk_number = ++last_walk_number_;
}

void QuotaTable::CountStates() {
  quota_count_ = entries_.size();
  walk_count_ =
      static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& item) {
        return WantsWalk(item.second.record.state());
      }));
}

QuotaTable::Alone::Alone(QuotaTable* table) : table_(table) {
  MutexLock lock(&table_->mutex_);
  while (table_->is_alone_) table_->changed_.Wait(&table_->mutex_);
  table_->is_alone_ = true;
  while (table_->charge_count_ > 0) table_->changed_.Wait(&table_->mutex_);
}

QuotaTable::Alone::~Alone() {
  MutexLock lock(&table_->mutex_);
  table_->is_alone_ = false;
  table_->changed_.SignalAll();
}

void QuotaTable::Alone::Put(InodeId id, const QuotaRecord& record) {
  MutexLock lock(&table_->mutex_);
  Entry& entry = table_->entries_[id];
  const bool is_new_state = entry.record.state() != record.state();
  entry.record = record;
  if (is_new_state) table_->SetState(&entry, record.state());
  table_->CountStates();
}

absl::Status QuotaTable::Alone::MoveBelow(KvStore* store, InodeId id, InodeId parent) {
  const std::optional<Quota> quota = table_->Get(id);
  if (!quota || InodeId(quota->record.parent_id()) == parent) return absl::OkStatus();
  QuotaRecord record = quota->record;
  record.set_parent_id(parent.value());
  QuotaDeltas deltas;
  AddDelta(InodeId(quota->record.parent_id()), -quota->use, &deltas);
  AddDelta(parent, quota->use, &deltas);
  Batch batch;
  PutRecord(id, record, &batch);
  {
    MutexLock lock(&table_->mutex_);
    deltas = table_->Expand(deltas);
  }
  for (const auto& [changed, delta] : deltas) AddToCounters(changed, delta, &batch);
  WEFT_RETURN_IF_ERROR(store->Commit(batch));
  MutexLock lock(&table_->mutex_);
  table_->Apply(deltas, Part::kAdditions);
  table_->Apply(deltas, Part::kReductions);
  // Its state may have become another one meanwhile (RootIsGone).
  table_->entries_.at(id).record.set_parent_id(parent.value());
  return absl::OkStatus();
}

absl::Status QuotaTable::Alone::FinishCounting(KvStore* store, const QuotaWalk& walk) {
  const std::optional<Quota> quota = table_->Get(walk.quota);
  if (!quota || !table_->IsCurrent(walk)) return absl::OkStatus();
  QuotaRecord record = quota->record;
  record.set_state(QuotaRecord::ACTIVE);
  Batch batch;
  PutRecord(walk.quota, record, &batch);
  WEFT_RETURN_IF_ERROR(store->Commit(batch));
  MutexLock lock(&table_->mutex_);
  Entry& entry = table_->entries_.at(walk.quota);
  if (entry.walk_number == walk.number) table_->SetState(&entry, QuotaRecord::ACTIVE);
  table_->CountStates();
  return absl::OkStatus();
}

absl::Status QuotaTable::Alone::Drop(KvStore* store, InodeId id) {
  Batch batch;
  batch.Delete(Family::kQuota, InodeKey(id));
  batch.Delete(Family::kQuotaUse, InodeKey(id));
  WEFT_RETURN_IF_ERROR(store->Commit(batch));
  MutexLock lock(&table_->mutex_);
  table_->entries_.erase(id);
  table_->CountStates();
  return absl::OkStatus();
}

QuotaCharge::~QuotaCharge() {
  if (deltas_.empty()) return;
  MutexLock lock(&table_->mutex_);
  table_->Apply(deltas_, QuotaTable::Part::kUndoAdditions);
  table_->EndCharge();
}

std::optional<QuotaExceeded> QuotaCharge::Begin(const QuotaDeltas& deltas,
                                                QuotaTable::Limits limits) {
  if (deltas.empty()) return std::nullopt;
  MutexLock lock(&table_->mutex_);
  while (table_->is_alone_) table_->changed_.Wait(&table_->mutex_);
  QuotaDeltas all = table_->Expand(deltas);
  if (all.empty()) return std::nullopt;
  if (limits == QuotaTable::Limits::kEnforce) {
    if (auto exceeded = table_->FindExceeded(all)) return exceeded;
  }
  table_->Apply(all, QuotaTable::Part::kAdditions);
  ++table_->charge_count_;
  deltas_ = std::move(all);
  return std::nullopt;
}

void QuotaCharge::AddTo(Batch* batch) const {
  for (const auto& [quota, delta] : deltas_) AddToCounters(quota, delta, batch);
}

void QuotaCharge::Commit() {
  if (deltas_.empty()) return;
  MutexLock lock(&table_->mutex_);
  table_->Apply(deltas_, QuotaTable::Part::kReductions);
  table_->EndCharge();
  deltas_.clear();
}

}  // namespace weft::metadata
