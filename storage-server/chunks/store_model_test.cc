// Random operations and crashes on a simulated machine, against a model that knows every byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

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
    for (Content& content : contents_) Renew(&content);
  }

  struct Content {
    ContentId id;
    uint32_t cut = 0;       // no cut of it is greater
    uint32_t sure_cut = 0;  // of the last truncation that was answered
  };

  struct Chunk {
    std::vector<State> states;  // since the last sync, which states.front() survived
    uint32_t cut = 0;           // of the current state
    // A change that was on its way when the machine died: it may have happened.
    std::optional<State> maybe;
  };

  std::vector<Content>& contents() { return contents_; }
  const std::vector<ContentId>& removed() { return removed_; }
  std::map<ChunkId, Chunk>& chunks() { return chunks_; }
  const State& Current(ChunkId chunk) { return chunks_[chunk].states.back(); }

  void Synced() {
    for (auto& [id, chunk] : chunks_)
      chunk.states.erase(chunk.states.begin(), chunk.states.end() - 1);
  }

  // The content is removed: another one takes its place.
  void Remove(Content* content) {
    std::erase_if(chunks_, [&](const auto& entry) { return entry.first.content == content->id; });
    removed_.push_back(content->id);
    Renew(content);
  }

 private:
  void Renew(Content* content) {
    *content = {.id = ContentId(++last_id_)};
    for (uint32_t number = 0; number < kChunksPerContent; ++number) {
      chunks_[{content->id, number}] = {.states = {State()}};
    }
  }

  uint64_t last_id_ = 0;
  std::vector<Content> contents_ = std::vector<Content>(kContents);
  std::vector<ContentId> removed_;
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
  Model::Content& AnyContent() { return model_.contents()[Below(kContents)]; }
  ChunkId ChunkOf(const Model::Content& content) { return {content.id, Below(kChunksPerContent)}; }

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

  // A chunk that is there has its own cut; for the others that of the content counts.
  uint32_t CutFor(const Model::Content& content, ChunkId id) {
    return model_.Current(id) ? model_.chunks()[id].cut : content.cut;
  }

  // Changes that come too late leave nothing behind.
  void LateWrite() {
    ChunkId id = ChunkOf(AnyContent());
    uint32_t cut = UINT32_MAX;
    if (Below(2) == 0 && !model_.removed().empty()) {
      id.content = model_.removed()[Below(static_cast<uint32_t>(model_.removed().size()))];
    } else {
      const Model::Content& content = AnyContent();
      id = ChunkOf(content);
      if (model_.Current(id) || content.sure_cut == 0) return;
      cut = content.sure_cut - 1;
    }
    const absl::Status status =
        Below(2) == 0
            ? WriteBytes(&machine_.store(), id, 0, RandomBytes(100, 1), cut, kChunkLog2).status()
            : machine_.store().Punch({id, 0, 100, cut}).status();
    ASSERT_FALSE(status.ok()) << NameOf(id) << " WEFT_SEED=" << seed_;
    if (!machine_.power().is_off()) {
      ASSERT_EQ(ErrnoOf(status), ESTALE) << status << " WEFT_SEED=" << seed_;
    }
  }

  void Write() {
    const Model::Content& content = AnyContent();
    const ChunkId id = ChunkOf(content);
    const uint32_t cut = CutFor(content, id);
    const bool whole = Below(4) == 0;
    const uint32_t offset = whole ? 0 : AnyOffset(kChunkBytes);
    const uint32_t length =
        whole ? kChunkBytes : 1 + Below(std::min(kChunkBytes - offset, 1 + Below(kChunkBytes)));
    const Bytes data = RandomBytes(length, static_cast<uint32_t>(random_()));
    const absl::Status status =
        WriteBytes(&machine_.store(), id, offset, data, cut, kChunkLog2).status();
    model_.chunks()[id].cut = cut;
    Bytes next = Grown(model_.Current(id), offset + length);
    std::copy(data.begin(), data.end(), next.begin() + offset);
    Change(id, status, std::move(next));
  }

  void Punch() {
    const Model::Content& content = AnyContent();
    const ChunkId id = ChunkOf(content);
    const uint32_t offset = AnyOffset(kChunkBytes);
    const uint32_t length = 1 + AnyOffset(kChunkBytes);
    const absl::Status status =
        machine_.store().Punch({id, offset, length, CutFor(content, id)}).status();
    State next = model_.Current(id);
    if (next && offset < next->size()) {
      const size_t end = std::min<size_t>(next->size(), size_t{offset} + length);
      std::fill(next->begin() + offset, next->begin() + static_cast<ptrdiff_t>(end), std::byte{0});
    }
    ASSERT_FALSE(IsFull(status)) << "the reserve did not suffice; WEFT_SEED=" << seed_;
    Change(id, status, std::move(next));
  }

  void Truncate() {
    Model::Content& content = AnyContent();
    const uint32_t size = AnyOffset(kChunkBytes * kChunksPerContent);
    const uint32_t cut = ++last_cut_;
    const absl::Status status =
        machine_.store().TruncateContent(content.id, size, kChunkLog2, cut).status();
    content.cut = cut;
    ASSERT_FALSE(IsFull(status)) << "the reserve did not suffice; WEFT_SEED=" << seed_;
    const bool happened = Happened(status);
    if (happened) content.sure_cut = cut;
    for (auto& [id, chunk] : model_.chunks()) {
      if (id.content != content.id || id.number < size / kChunkBytes) continue;
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
    Model::Content& content = AnyContent();
    if (Happened(machine_.store().RemoveContent(content.id).status())) {
      model_.Remove(&content);
      return model_.Synced();
    }
    removing_ = &content;
    for (auto& [id, chunk] : model_.chunks()) {
      if (id.content == content.id) chunk.maybe = State();
    }
  }

  // As the metadata-server does, which has got no answer.
  void RepeatRemoval() {
    if (removing_ == nullptr) return;
    ASSERT_TRUE(machine_.store().RemoveContent(removing_->id).ok()) << "WEFT_SEED=" << seed_;
    model_.Remove(std::exchange(removing_, nullptr));
  }

  void Sync() {
    if (Happened(machine_.store().Sync())) model_.Synced();
  }

  void ReadPart() {
    const ChunkId id = ChunkOf(AnyContent());
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
        return LateWrite();
      case 12:
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
    for (Model::Content& content : model_.contents()) content.cut = ++last_cut_;
    for (const ContentId content : model_.removed()) {
      const absl::StatusOr<ContentEnd> end_of = machine_.store().End(content);
      ASSERT_TRUE(end_of.ok()) << end_of.status() << " WEFT_SEED=" << seed_;
      ASSERT_TRUE(!end_of->has_chunks && end_of->used_bytes == 0) << "WEFT_SEED=" << seed_;
    }
    RepeatRemoval();
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
  Model::Content* removing_ = nullptr;  // the machine died on it
  uint32_t last_cut_ = 0;
};

TEST_F(StoreModelTest, EveryByteIsOneThatTheChunkReallyHad) {
  ASSERT_TRUE(machine_.Open().ok());
  const Space initial = machine_.store().space();
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_NO_FATAL_FAILURE(Round()) << "round " << round << " WEFT_SEED=" << seed_;
    ASSERT_FALSE(HasFailure()) << "round " << round << " WEFT_SEED=" << seed_;
  }
  for (const Model::Content& content : model_.contents()) {
    ASSERT_TRUE(machine_.store().RemoveContent(content.id).ok());
  }
  EXPECT_EQ(machine_.store().space().free_bytes, initial.free_bytes) << "WEFT_SEED=" << seed_;
}

}  // namespace
}  // namespace weft::storage
