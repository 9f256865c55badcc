// The small parts of libweft: intervals, slabs, the pool, budgets, the gate, streams, sequences.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include "client/core/chunk_call.h"
#include "client/core/gate.h"
#include "client/core/inline_content.h"
#include "client/core/intervals.h"
#include "client/core/io_pool.h"
#include "client/core/io_timeout.h"
#include "client/core/kept_errors.h"
#include "client/core/memory_budget.h"
#include "client/core/plain_inodes.h"
#include "client/core/sequence.h"
#include "client/core/slab_buffer.h"
#include "client/core/stream_detector.h"
#include "client/core/testing/test_cluster.h"
#include "client/core/write_buffer.h"
#include "common/crc32c.h"

namespace weft::client {
namespace {

TEST(IntervalSetTest, BehavesAsASetOfBytes) {
  std::mt19937_64 random(TestSeed());
  constexpr uint64_t kSpace = 64;
  for (int round = 0; round < 200; ++round) {
    IntervalSet set;
    std::vector<bool> model(kSpace);
    for (int step = 0; step < 30; ++step) {
      const uint64_t begin = random() % kSpace;
      const uint64_t end = begin + random() % (kSpace - begin + 1);
      const bool add = random() % 3 != 0;
      add ? set.Add(begin, end) : set.Remove(begin, end);
      for (uint64_t i = begin; i < end; ++i) model[i] = add;
    }
    uint64_t last_end = 0;
    std::vector<bool> seen(kSpace);
    for (const Interval& part : set.intervals()) {
      ASSERT_LT(part.begin, part.end);
      ASSERT_TRUE(part.begin > last_end || (part.begin == 0 && last_end == 0));  // do not touch
      last_end = part.end;
      for (uint64_t i = part.begin; i < part.end; ++i) seen[i] = true;
    }
    ASSERT_EQ(seen, model);
    const uint64_t begin = random() % kSpace;
    const uint64_t end = begin + random() % (kSpace - begin + 1);
    bool all = true;
    for (uint64_t i = begin; i < end; ++i) all = all && model[i];
    EXPECT_EQ(set.Contains(begin, end), all);
    std::vector<bool> parts(kSpace), gaps(kSpace);
    for (const Interval& part : set.Within(begin, end)) {
      for (uint64_t i = part.begin; i < part.end; ++i) parts[i] = true;
    }
    for (const Interval& gap : set.Gaps(begin, end)) {
      for (uint64_t i = gap.begin; i < gap.end; ++i) gaps[i] = true;
    }
    for (uint64_t i = 0; i < kSpace; ++i) {
      const bool inside = i >= begin && i < end;
      EXPECT_EQ(parts[i], inside && model[i]);
      EXPECT_EQ(gaps[i], inside && !model[i]);
    }
  }
}

TEST(SlabBufferTest, ChecksumsAreThoseOfThePieces) {
  SlabBuffer slab(1 << 16);
  const auto data = RandomBytes(1, 1 << 16);
  const std::span<const std::byte> bytes(data);
  slab.Write(0, bytes.first(3 * kBlockBytes));                // whole blocks
  slab.Write(100, bytes.subspan(0, 50));                      // a part over one of them
  slab.Write(3 * kBlockBytes, bytes.subspan(0, 10));          // the start of a fourth
  slab.Write(3 * kBlockBytes + 10, bytes.subspan(10, 5000));  // the rest, and of a fifth
  ASSERT_EQ(slab.written().intervals().size(), 1u);
  const Interval part = slab.written().intervals()[0];
  std::vector<uint32_t> crcs;
  slab.AppendPieceCrcs(part, &crcs);
  EXPECT_EQ(crcs, Crc32cOfPieces(part.begin, slab.bytes(part)));
  crcs.clear();
  slab.AppendPieceCrcs({5, 9000}, &crcs);
  EXPECT_EQ(crcs, Crc32cOfPieces(5, slab.bytes({5, 9000})));
}

TEST(SlabBufferTest, FillFromKeepsWhatIsNewer) {
  SlabBuffer older(1 << 16), newer(1 << 16);
  older.Write(0, AsBytes("aaaaaaaa"));
  newer.Write(2, AsBytes("bb"));
  newer.FillFrom(older);
  ASSERT_EQ(newer.written().intervals(), (std::vector<Interval>{{0, 8}}));
  const auto bytes = newer.bytes({0, 8});
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), 8), "aabbaaaa");
  newer.Forget(3, 100);
  EXPECT_EQ(newer.written().end(), 3u);
  EXPECT_FALSE(newer.full());
}

TEST(InlineContentTest, OwnBytesLieOverTheServers) {
  InlineContent content;
  content.Write(2, AsBytes("XY"));
  content.SetBase("abcdef", 1);
  EXPECT_EQ(content.bytes(), "abXYef");
  const auto parts = content.Take(8);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].offset, 2u);
  EXPECT_EQ(parts[0].bytes, "XY");
  content.SetBase("abcdefgh", 2);  // asked for before the server had them
  EXPECT_EQ(content.bytes(), "abXYefgh");
  content.BackToDirty();
  EXPECT_TRUE(content.has_dirty());
}

TEST(MemoryBudgetTest, TheFirstTakerAlwaysSucceeds) {
  MemoryBudget budget(10);
  EXPECT_TRUE(budget.TryTake(100));
  EXPECT_FALSE(budget.TryTake(1));
  const uint64_t seen = budget.releases();
  MemoryBudget::Waiter waiter(&budget);
  std::thread other([&budget] { budget.Release(100); });
  waiter.WaitForRelease(seen, std::chrono::seconds(60));
  EXPECT_NE(budget.releases(), seen);
  other.join();
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(KeptErrorsTest, EachIsToldOnceAndLaterOnesDoNotHear) {
  KeptErrors errors;
  uint64_t early = errors.count();
  errors.Keep(PosixError(ENOSPC, "full"));
  uint64_t late = errors.count();
  EXPECT_EQ(ErrnoOf(errors.Report(&early)), ENOSPC);
  EXPECT_TRUE(errors.Report(&early).ok());
  EXPECT_TRUE(errors.Report(&late).ok());
  errors.Keep(PosixError(EROFS, "broken"));
  EXPECT_EQ(ErrnoOf(errors.Report(&early)), EIO);  // what an application understands
}

TEST(TryTimeoutTest, NoTryIsLongerThanTheDeadlineAllows) {
  using std::chrono::milliseconds;
  const IoTimeout::TimePoint began{};
  const auto later = [&](int ms) { return began + milliseconds(ms); };
  EXPECT_EQ(TryTimeout(began, later(60'000), began), milliseconds(15'000));
  EXPECT_EQ(TryTimeout(began, later(2'000), began), milliseconds(2'000));
  // One that begins after others have waited gets what they left.
  EXPECT_EQ(TryTimeout(began, later(60'000), later(14'000)), milliseconds(1'000));
  EXPECT_EQ(TryTimeout(began, later(2'000), later(1'500)), milliseconds(500));
  EXPECT_EQ(TryTimeout(began, later(2'000), later(5'000)), milliseconds(1));
}

TEST(IoTimeoutTest, AStepHasOneDeadline) {
  const IoTimeout timeout(std::chrono::hours(1));
  IoTimeout::TimePoint first;
  {
    const IoTimeout::Step step(timeout);
    first = timeout.Deadline();
    while (IoTimeout::TimePoint::clock::now() + std::chrono::hours(1) <= first) {
    }
    EXPECT_EQ(timeout.Deadline(), first);
    {
      const IoTimeout::Step inner(timeout);
      EXPECT_EQ(timeout.Deadline(), first);
    }
    EXPECT_EQ(timeout.Deadline(), first);
    std::thread([&] { EXPECT_GT(timeout.Deadline(), first); }).join();
  }
  EXPECT_GT(timeout.Deadline(), first);
}

TEST(InlineContentTest, RangesThatAreJoinedStaySeparate) {
  InlineContent content;
  content.SetBase("..........", 1);
  for (uint64_t at : {0, 4, 8}) content.Write(at, AsBytes("x"));
  EXPECT_EQ(content.Take(3).size(), 3u);
  content.BackToDirty();
  const auto parts = content.Take(2);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_TRUE(parts[0].has_others);
  EXPECT_EQ(parts[0].bytes, "x...x...x");
  content.BackToDirty();
  content.SetBase("----------", 2);
  EXPECT_EQ(content.bytes(), "x---x---x-");
}

// The file's attributes may bring inline bytes here at the moment of a cut.
TEST(WriteBufferTest, ACutWaitsForWhatIsBeingFilledIn) {
  class Owner final : public WriteBuffer::Owner {
   public:
    std::shared_ptr<void> Self() override { return nullptr; }
    proto::Content CurrentContent() override { return {}; }
    absl::StatusOr<proto::Content> ContentForWriting() override { return proto::Content(); }
    absl::Status RefreshContent() override { return absl::OkStatus(); }
  };
  const IoTimeout timeout(std::chrono::milliseconds(1));
  MemoryBudget budget(64 << 20);
  IoPool pool(1);
  const WriteBufferMount mount{nullptr, &pool, &budget, 64 << 20, [] {}, &timeout};
  Owner owner;
  KeptErrors errors;
  WriteBuffer buffer(&mount, &owner, &errors);
  const std::vector<std::byte> bytes = RandomBytes(1, 60'000);  // no full slab: nothing is sent
  std::atomic<bool> stop = false;
  std::thread filler([&] {
    while (!stop) buffer.WriteNow(0, bytes);
  });
  for (int i = 0; i < 5'000; ++i) {
    buffer.HoldFrom(0);
    buffer.Unhold(WriteBuffer::Held::kCut);
  }
  stop = true;
  filler.join();
  buffer.Discard();
  EXPECT_TRUE(buffer.empty());
}

TEST(SequenceTrackerTest, AcknowledgesUpToTheFirstOpenOne) {
  SequenceTracker tracker;
  const auto a = tracker.Take();
  const auto b = tracker.Take();
  EXPECT_EQ(a.sequence, 1u);
  EXPECT_EQ(b.acknowledged, 0u);
  tracker.Done(b.sequence);
  EXPECT_EQ(tracker.Take().acknowledged, 0u);
  tracker.Done(a.sequence);
  EXPECT_EQ(tracker.Take().acknowledged, 2u);
}

TEST(IoPoolTest, AHangingLaneLeavesRoomForOthers) {
  Mutex mutex;
  CondVar changed;
  bool released = false;
  int done = 0;
  {
    IoPool pool(8);
    for (int i = 0; i < 100; ++i) {
      pool.Submit(1, [&] {
        MutexLock lock(&mutex);
        while (!released) changed.Wait(&mutex);
      });
    }
    for (int i = 0; i < 10; ++i) {
      pool.Submit(2, [&] {
        MutexLock lock(&mutex);
        ++done;
        changed.SignalAll();
      });
    }
    MutexLock lock(&mutex);
    while (done < 10) changed.Wait(&mutex);  // for ever where the hanging lane took all threads
    released = true;
    changed.SignalAll();
  }
  EXPECT_EQ(done, 10);
}

TEST(IoPoolTest, ALaneHasOnlySoManyPlaces) {
  IoPool pool(8);
  auto first = pool.TryEnter(5);
  auto second = pool.TryEnter(5);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(pool.TryEnter(5));
  EXPECT_TRUE(pool.TryEnter(6));
  first.reset();
  EXPECT_TRUE(pool.TryEnter(5));
}

TEST(IoPoolTest, RunsWhatIsQueuedBeforeItEnds) {
  std::atomic<int> ran = 0;
  {
    IoPool pool(2);
    for (int i = 0; i < 1000; ++i) pool.Submit(static_cast<uint64_t>(i % 7), [&ran] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

TEST(GateTest, OneAloneOrManyTogether) {
  Gate gate;
  std::atomic<int> together = 0;
  std::atomic<bool> alone = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const bool want_alone = (i + t) % 5 == 0;
        const Gate::Pass pass(&gate, want_alone ? Gate::Mode::kAlone : Gate::Mode::kShared);
        if (want_alone) {
          EXPECT_FALSE(alone.exchange(true));
          EXPECT_EQ(together, 0);
          alone = false;
        } else {
          ++together;
          EXPECT_FALSE(alone);
          --together;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

constexpr uint64_t kMiB = uint64_t{1} << 20;

TEST(PlainInodesTest, KnownForAsLongAsTheKernelKeepsAttributes) {
  PlainInodes plain;
  const PlainInodes::Clock::time_point now{};
  proto::Attr attr;
  attr.set_inode_id(7);
  const InodeId inode(7);
  EXPECT_FALSE(plain.Contains(inode, now));
  plain.Note(attr, now);
  EXPECT_TRUE(plain.Contains(inode, now));
  EXPECT_FALSE(plain.Contains(InodeId(8), now));
  EXPECT_FALSE(plain.Contains(inode, now + PlainInodes::kKept));
  plain.Forget(inode);
  EXPECT_FALSE(plain.Contains(inode, now));
  plain.Note(attr, now);
  attr.set_has_xattrs(true);
  plain.Note(attr, now);
  EXPECT_FALSE(plain.Contains(inode, now)) << "it has some now";
}

TEST(StreamDetectorTest, ASequentialReaderIsReadAheadOfFurtherAndFurther) {
  StreamDetector stream;
  EXPECT_EQ(stream.OnRead(0, kMiB, 16 * kMiB).size(), 0u);
  uint64_t window = 0;
  for (uint64_t at = kMiB; at < 8 * kMiB; at += kMiB) {
    const Interval ahead = stream.OnRead(at, kMiB, 16 * kMiB);
    EXPECT_EQ(ahead.begin, at + kMiB);
    EXPECT_GE(ahead.size(), window);
    window = ahead.size();
  }
  EXPECT_EQ(window, 16 * kMiB);
}

TEST(StreamDetectorTest, ReadsOfOneStreamMayComeInAnyOrder) {
  StreamDetector stream;
  std::mt19937_64 random(TestSeed());
  std::vector<uint64_t> offsets;
  for (uint64_t group = 0; group < 32; group += 4) {
    std::vector<uint64_t> some = {group, group + 1, group + 2, group + 3};
    std::shuffle(some.begin(), some.end(), random);
    for (const uint64_t i : some) offsets.push_back(i * kMiB);
  }
  uint64_t window = 0;
  for (const uint64_t offset : offsets) {
    window = std::max(window, stream.OnRead(offset, kMiB, 16 * kMiB).size());
  }
  EXPECT_EQ(window, 16 * kMiB);
}

TEST(StreamDetectorTest, RandomReadsAreNoStream) {
  StreamDetector stream;
  std::mt19937_64 random(TestSeed());
  int streams = 0;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t offset = random() % (uint64_t{1} << 30) / 4096 * 4096;
    if (stream.OnRead(offset, 4096, 16 * kMiB).size() > 0) ++streams;
  }
  EXPECT_LE(streams, 20);  // two near each other happen
}

}  // namespace
}  // namespace weft::client
