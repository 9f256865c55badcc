// FileLocks against a model that is nothing but the type of each byte for each owner.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "common/status.h"
#include "metadata-server/sessions/file_locks.h"

namespace weft::metadata {
namespace {

constexpr uint64_t kBytes = 12;
constexpr int kInodes = 3;
constexpr int kOwners = 6;
constexpr int kSteps = 60'000;

uint64_t Seed() {
  const char* const given = std::getenv("WEFT_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "WEFT_SEED=" << seed << "\n";
  return seed;
}

class FileLocksModelTest : public testing::Test {
 protected:
  using Bytes = std::array<std::optional<LockType>, kBytes>;

  LockRequest Random() {
    const uint64_t a = random_() % kBytes;
    const uint64_t b = random_() % kBytes;
    const uint64_t owner = random_() % kOwners;
    return {
        InodeId(1 + random_() % kInodes),  LockKind::kPosix,
        {SessionId(1 + owner % 2), owner}, 7,
        {std::min(a, b), std::max(a, b)},  random_() % 2 == 0 ? LockType::kRead : LockType::kWrite};
  }
  Bytes& Held(const LockRequest& lock) { return held_[{lock.inode.value(), lock.owner.owner}]; }

  bool Conflicts(const LockRequest& lock) {
    for (uint64_t owner = 0; owner < kOwners; ++owner) {
      if (owner == lock.owner.owner) continue;
      const Bytes& bytes = held_[{lock.inode.value(), owner}];
      for (uint64_t i = lock.range.first; i <= lock.range.last; ++i) {
        if (bytes[i] && LockTypesConflict(*bytes[i], lock.type)) return true;
      }
    }
    return false;
  }
  void Apply(const LockRequest& lock, std::optional<LockType> type) {
    for (uint64_t i = lock.range.first; i <= lock.range.last; ++i) Held(lock)[i] = type;
  }
  void Forget(uint64_t inode, uint64_t owner) {
    held_[{inode, owner}] = {};
    std::erase_if(waits_, [&](const auto& wait) {
      return wait.second.inode.value() == inode && wait.second.owner.owner == owner;
    });
  }
  // What the last call granted to waits.
  void ApplyGrants() {
    for (const uint64_t id : std::exchange(granted_, {})) {
      const auto wait = waits_.find(id);
      ASSERT_NE(wait, waits_.end());
      Apply(wait->second, wait->second.type);
      waits_.erase(wait);
    }
  }

  void Step() {
    const LockRequest lock = Random();
    switch (random_() % 10) {
      case 0:
      case 1: {
        const bool conflicts = Conflicts(lock);
        if (!conflicts) Apply(lock, lock.type);
        ASSERT_EQ(ErrnoOf(locks_.Set(lock)), conflicts ? EAGAIN : 0);
        break;
      }
      case 2:
      case 3:
      case 4:
        Wait(lock);
        break;
      case 5:
      case 6:
        Apply(lock, std::nullopt);
        ASSERT_TRUE(locks_.Unlock(lock).ok());
        break;
      case 7:
        Forget(lock.inode.value(), lock.owner.owner);
        locks_.ReleaseOwner(lock.inode, lock.kind, lock.owner);
        break;
      case 8:
        Cancel();
        break;
      default:
        if (random_() % 20 == 0) EndSession(lock.owner.session);
    }
  }
  void Wait(const LockRequest& lock) {
    const uint64_t id = ++last_wait_;
    waits_.emplace(id, lock);
    const auto outcome = locks_.SetOrWait(lock, id, {});
    if (!outcome.ok()) {
      ASSERT_EQ(ErrnoOf(outcome.status()), EDEADLK);
      ++deadlocks_;
      waits_.erase(id);
    } else if (*outcome == FileLocks::Outcome::kGranted) {
      Apply(lock, lock.type);
      ASSERT_EQ(waits_.erase(id), 1u);
    }
  }
  void Cancel() {
    if (waits_.empty()) return;
    auto wait = waits_.begin();
    std::advance(wait, static_cast<ptrdiff_t>(random_() % waits_.size()));
    const auto [id, lock] = *wait;
    waits_.erase(wait);
    ASSERT_FALSE(locks_.Cancel(lock, id));
  }
  void EndSession(SessionId session) {
    for (uint64_t owner = 0; owner < kOwners; ++owner) {
      if (SessionId(1 + owner % 2) != session) continue;
      for (uint64_t inode = 1; inode <= kInodes; ++inode) Forget(inode, owner);
    }
    locks_.ReleaseSession(session);
  }

  // What the table lists is what the model has, and nobody waits for nothing.
  void Check() {
    std::map<std::pair<uint64_t, uint64_t>, Bytes> listed;
    std::vector<LockRequest> waits;
    for (const FileLocks::Entry& entry : locks_.List(InodeId(), 1 << 20).first) {
      const LockRequest& lock = entry.lock;
      if (entry.waiting) {
        waits.push_back(lock);
        continue;
      }
      for (uint64_t i = lock.range.first; i <= lock.range.last; ++i) {
        listed[{lock.inode.value(), lock.owner.owner}][i] = lock.type;
      }
    }
    for (const auto& [key, bytes] : held_) ASSERT_EQ(listed[key], bytes);
    for (const FileLocks::Entry& entry : locks_.List(InodeId(), 1 << 20).first) {
      if (!entry.waiting) ASSERT_FALSE(Conflicts(entry.lock));
    }
    ASSERT_EQ(waits.size(), waits_.size());
    for (size_t i = 0; i < waits.size(); ++i) {
      bool has_reason = Conflicts(waits[i]);
      for (size_t j = 0; j < i && !has_reason; ++j) {
        has_reason = waits[j].inode == waits[i].inode && waits[j].owner != waits[i].owner &&
                     waits[j].range.Overlaps(waits[i].range) &&
                     LockTypesConflict(waits[j].type, waits[i].type);
      }
      ASSERT_TRUE(has_reason) << "a wait for nothing";
    }
  }

  std::mt19937_64 random_{Seed()};
  std::map<std::pair<uint64_t, uint64_t>, Bytes> held_;  // by inode and owner
  std::map<uint64_t, LockRequest> waits_;                // by wait id
  uint64_t last_wait_ = 0;
  int deadlocks_ = 0;
  std::vector<uint64_t> granted_;
  FileLocks locks_{{.on_granted = [this](SessionId, uint64_t id) { granted_.push_back(id); }}};
};

TEST_F(FileLocksModelTest, HoldersAndWaitsAreThoseOfTheModel) {
  for (int step = 0; step < kSteps; ++step) {
    Step();
    ApplyGrants();
    if (HasFatalFailure()) FAIL() << "step " << step;
    Check();
    if (HasFatalFailure()) FAIL() << "after step " << step;
  }
  EXPECT_GT(deadlocks_, 0);
  // Owners that give up what they hold, and wait for nothing more, let all others go on.
  for (int round = 0; round < 1000 && !waits_.empty(); ++round) {
    const uint64_t owner = random_() % kOwners;
    for (uint64_t inode = 1; inode <= kInodes; ++inode) {
      Forget(inode, owner);
      locks_.ReleaseOwner(InodeId(inode), LockKind::kPosix, {SessionId(1 + owner % 2), owner});
      ApplyGrants();
    }
    Check();
  }
  EXPECT_TRUE(waits_.empty());
}

}  // namespace
}  // namespace weft::metadata
