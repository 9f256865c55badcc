// Random operations and crashes on a simulated machine, against a model that knows every byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <random>

#include "common/status.h"
#include "storage-server/chunks/testing/chunk_helpers.h"
#include "storage-server/chunks/testing/simulated_machine.h"

namespace weft::storage {
namespace {

constexpr uint32_t kChunkLog2 = 16;
constexpr uint32_t kChunkBytes = 1u << kChunkLog2;
constexpr uint64_t kCapacityBytes = 3u << 20;
constexpr uint32_t kContents = 3;
constexpr uint32_t kChunksPerContent = 5;
constexpr int kOperations = 400;
constexpr int kRounds = 12;

// A chunk: its bytes, or nothing where there is none.
using State = std::optional<Bytes>;

class Model {
 public:
  Model() {
    for (uint32_t content = 1; content <= kContents; ++content) {
      for (uint32_t number = 0; number < kChunksPerContent; ++number) {
        chunks_[{ContentId(content), number}] = {.states = {State()}};
      }
    }
  }

  struct Chunk {
    std::vector<State> states;  // since the last sync, which states.front() survived
    uint32_t cut = 0;           // of the current state
    // A change that was on its way when the machine died: it may have happened.
    std::optional<State> maybe;
  };

  std::map<ChunkId, Chunk>& chunks() { return chunks_; }
  const State& Current(ChunkId chunk) { return chunks_[chunk].states.back(); }

  void Synced() {
    for (auto& [id, chunk] : chunks_)
      chunk.states.erase(chunk.states.begin(), chunk.states.end() - 1);
  }

 private:
  std::map<ChunkId, Chunk> chunks_;
};

Bytes Grown(const State& state, size_t size) {
  Bytes bytes = state.value_or(Bytes());
  bytes.resize(std::max(bytes.size(), size));
  return bytes;
}

class StoreModelTest : public testing::Test {
 protected:
  StoreModelTest() : seed_(TestSeed()), random_(seed_), machine_(seed_, kCapacityBytes) {
    RecordProperty("seed", std::to_string(seed_));
  }

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  ChunkId AnyChunk() { return {ContentId(1 + Below(kContents)), Below(kChunksPerContent)}; }

  // Sizes and offsets around block boundaries more often than elsewhere.
  uint32_t AnyOffset(uint32_t bound) {
    const uint32_t any = Below(bound);
    if (Below(2) == 0) return any;
    const uint32_t near = any / kBlockBytes * kBlockBytes + Below(3);
    return std::min(near > 0 ? near - 1 : 0, bound - 1);
  }

  // True where the operation happened; false where it is not known, for the machine is dead.
  bool Happened(const absl::Status& status) {
    if (status.ok()) return true;
    if (machine_.power().is_off()) return false;
    ADD_FAILURE() << status << " with WEFT_SEED=" << seed_;
    return false;
  }

  bool IsFull(const absl::Status& status) {
    return ErrnoOf(status) == ENOSPC && !machine_.power().is_off();
  }

  void Change(ChunkId id, const absl::Status& status, State next) {
    Model::Chunk& chunk = model_.chunks()[id];
    if (IsFull(status)) return;
    if (Happened(status)) {
      chunk.states.push_back(std::move(next));
    } else {
      chunk.maybe = std::move(next);
    }
  }

  void Write() {
    const ChunkId id = AnyChunk();
    const bool whole = Below(4) == 0;
    const uint32_t offset = whole ? 0 : AnyOffset(kChunkBytes);
    const uint32_t length =
        whole ? kChunkBytes : 1 + Below(std::min(kChunkBytes - offset, 1 + Below(kChunkBytes)));
    const Bytes data = RandomBytes(length, static_cast<uint32_t>(random_()));
    const absl::Status status =
        WriteBytes(&machine_.store(), id, offset, data, model_.chunks()[id].cut, kChunkLog2)
            .status();
    Bytes next = Grown(model_.Current(id), offset + length);
    std::copy(data.begin(), data.end(), next.begin() + offset);
    Change(id, status, std::move(next));
  }

  void Punch() {
    const ChunkId id = AnyChunk();
    const uint32_t offset = AnyOffset(kChunkBytes);
    const uint32_t length = 1 + AnyOffset(kChunkBytes);
    const absl::Status status =
        machine_.store().Punch(id, offset, length, model_.chunks()[id].cut).status();
    State next = model_.Current(id);
    if (next && offset < next->size()) {
      const size_t end = std::min<size_t>(next->size(), size_t{offset} + length);
      std::fill(next->begin() + offset, next->begin() + static_cast<ptrdiff_t>(end), std::byte{0});
    }
    ASSERT_FALSE(IsFull(status)) << "the reserve did not suffice; WEFT_SEED=" << seed_;
    Change(id, status, std::move(next));
  }

  void Truncate() {
    const ContentId content(1 + Below(kContents));
    const uint32_t size = AnyOffset(kChunkBytes * kChunksPerContent);
    const uint32_t cut = ++last_cut_;
    const absl::Status status =
        machine_.store().TruncateContent(content, size, kChunkLog2, cut).status();
    ASSERT_FALSE(IsFull(status)) << "the reserve did not suffice; WEFT_SEED=" << seed_;
    const bool happened = Happened(status);
    for (auto& [id, chunk] : model_.chunks()) {
      if (id.content != content || id.number < size / kChunkBytes) continue;
      const uint32_t keep = id.number == size / kChunkBytes ? size % kChunkBytes : 0;
      State next = model_.Current(id);
      if (next && next->size() > keep) next->resize(keep);
      if (next) chunk.cut = cut;
      if (happened) {
        chunk.states.push_back(std::move(next));
      } else {
        chunk.maybe = std::move(next);
      }
    }
    if (happened) model_.Synced();
  }

  void Remove() {
    const ContentId content(1 + Below(kContents));
    const bool happened = Happened(machine_.store().RemoveContent(content).status());
    for (auto& [id, chunk] : model_.chunks()) {
      if (id.content != content) continue;
      if (happened) {
        chunk.states.emplace_back();
      } else {
        chunk.maybe = State();
      }
    }
    if (happened) model_.Synced();
  }

  void Sync() {
    if (Happened(machine_.store().Sync())) model_.Synced();
  }

  void ReadPart() {
    const ChunkId id = AnyChunk();
    const uint32_t offset = AnyOffset(kChunkBytes);
    const uint32_t length = 1 + Below(kChunkBytes);
    const absl::StatusOr<ChunkRead> read = machine_.store().Read(id, offset, length);
    if (!Happened(read.status())) return;
    const absl::StatusOr<Bytes> bytes = BytesOf(&machine_.store(), *read);
    if (!Happened(bytes.status())) return;
    const Bytes whole = model_.Current(id).value_or(Bytes());
    const size_t first = std::min<size_t>(offset / kBlockBytes * kBlockBytes, whole.size());
    const size_t end = std::min<size_t>(
        (size_t{offset} + length + kBlockBytes - 1) / kBlockBytes * kBlockBytes, whole.size());
    const Bytes expected(
        whole.begin() + static_cast<ptrdiff_t>(first),
        whole.begin() + static_cast<ptrdiff_t>(offset < whole.size() ? end : first));
    ASSERT_TRUE(*bytes == expected) << "WEFT_SEED=" << seed_;
  }

  void Step() {
    switch (Below(24)) {
      case 0:
        return Truncate();
      case 1:
        return Remove();
      case 2:
      case 3:
        return Sync();
      case 4:
      case 5:
      case 6:
        return Punch();
      case 7:
      case 8:
      case 9:
      case 10:
        return ReadPart();
      case 11:
        return machine_.clock().Advance(std::chrono::seconds(Below(12)));
      default:
        return Write();
    }
  }

  enum class End { kClose, kKill, kPowerLoss };

  // What the store holds must be a state that the model allows; from here on it is the only one.
  void Settle(End end) {
    for (auto& [id, chunk] : model_.chunks()) {
      const absl::StatusOr<ChunkInfo> info = machine_.store().Stat(id);
      State found;
      if (info.ok()) {
        const absl::StatusOr<Bytes> bytes = ReadChunk(&machine_.store(), id);
        ASSERT_TRUE(bytes.ok()) << bytes.status() << " WEFT_SEED=" << seed_;
        found = *bytes;
      } else {
        ASSERT_EQ(ErrnoOf(info.status()), ENOENT) << info.status() << " WEFT_SEED=" << seed_;
      }
      std::vector<State> allowed = chunk.states;
      if (end != End::kPowerLoss) allowed = {chunk.states.back()};
      if (chunk.maybe) allowed.push_back(*chunk.maybe);
      ASSERT_TRUE(std::find(allowed.begin(), allowed.end(), found) != allowed.end())
          << NameOf(id) << " is in none of " << allowed.size() << " states; WEFT_SEED=" << seed_;
      // Opening makes what it finds durable.
      chunk = {.states = {found}, .cut = ++last_cut_, .maybe = std::nullopt};
    }
  }

  void Round() {
    if (Below(2) == 0) machine_.power().Arm(Below(600));
    for (int i = 0; i < kOperations && !machine_.power().is_off(); ++i) {
      Step();
      if (HasFatalFailure()) return;
    }
    const bool died = machine_.power().is_off();
    machine_.power().Disarm();
    End end = static_cast<End>(Below(3));
    if (died && end == End::kClose) end = End::kPowerLoss;
    switch (end) {
      case End::kClose:
        machine_.Close();
        break;
      case End::kKill:
        machine_.Kill();
        break;
      case End::kPowerLoss:
        machine_.LosePower();
        break;
    }
    // Opening is interrupted now and then, too.
    if (Below(3) == 0) machine_.power().Arm(Below(60));
    for (absl::Status opened = machine_.Open(); !opened.ok(); opened = machine_.Open()) {
      ASSERT_TRUE(machine_.power().is_off()) << opened << " WEFT_SEED=" << seed_;
      machine_.LosePower();
      end = End::kPowerLoss;
    }
    machine_.power().Disarm();
    Settle(end);
  }

  const uint32_t seed_;
  std::mt19937 random_;
  SimulatedMachine machine_;
  Model model_;
  uint32_t last_cut_ = 0;
};

TEST_F(StoreModelTest, EveryByteIsOneThatTheChunkReallyHad) {
  ASSERT_TRUE(machine_.Open().ok());
  const Space initial = machine_.store().space();
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_NO_FATAL_FAILURE(Round()) << "round " << round << " WEFT_SEED=" << seed_;
    ASSERT_FALSE(HasFailure()) << "round " << round << " WEFT_SEED=" << seed_;
  }
  for (uint32_t content = 1; content <= kContents; ++content) {
    ASSERT_TRUE(machine_.store().RemoveContent(ContentId(content)).ok());
  }
  EXPECT_EQ(machine_.store().space().free_bytes, initial.free_bytes) << "WEFT_SEED=" << seed_;
}

}  // namespace
}  // namespace weft::storage
