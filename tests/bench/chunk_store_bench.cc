// How fast one target's chunk store is, without the network. By default in a new directory under
// the present one, which goes when the program ends; WEFT_BENCH_DIR names another parent.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "common/crc32c.h"
#include "common/limits.h"
#include "storage-server/chunks/aligned_buffer.h"
#include "storage-server/chunks/chunk_store.h"

namespace weft::storage {
namespace {

constexpr uint32_t kChunkBytes = 1u << kDefaultChunkBytesLog2;
constexpr uint32_t kChunksPerThread = 256;
constexpr uint64_t kCapacityBytes = uint64_t{16} << 30;

class Target {
 public:
  Target() {
    const char* parent = std::getenv("WEFT_BENCH_DIR");
    directory_ = std::string(parent == nullptr ? "." : parent) + "/chunk_store_bench_XXXXXX";
    if (::mkdtemp(directory_.data()) == nullptr) std::abort();
    absl::StatusOr<OpenedStore> opened = OpenTarget({.directory = directory_ + "/target",
                                                     .node_uuid = "bench",
                                                     .capacity_bytes = kCapacityBytes});
    if (!opened.ok()) std::abort();
    store_ = std::move(opened->store);
  }
  ~Target() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  ChunkStore& store() { return *store_; }

 private:
  std::string directory_;
  std::unique_ptr<ChunkStore> store_;
};

// Shared by the threads of one benchmark.
std::unique_ptr<Target> target;

void MakeTarget(const benchmark::State&) { target = std::make_unique<Target>(); }
void DropTarget(const benchmark::State&) { target.reset(); }

class Data {
 public:
  explicit Data(size_t bytes) : memory_(bytes) {
    std::mt19937 random(1);
    for (std::byte& byte : memory_.bytes()) byte = static_cast<std::byte>(random());
    crcs_ = Crc32cOfPieces(0, memory_.bytes());
  }
  // At a multiple of the block size.
  bool Write(ChunkId chunk, uint32_t offset_bytes) {
    return target->store()
        .Write({.chunk = chunk,
                .offset_bytes = offset_bytes,
                .data = memory_.bytes(),
                .piece_crc32c = crcs_,
                .chunk_bytes_log2 = kDefaultChunkBytesLog2})
        .ok();
  }

 private:
  AlignedBuffer memory_;
  std::vector<uint32_t> crcs_;
};

ChunkId ChunkOf(const benchmark::State& state, uint64_t number) {
  return {ContentId(1 + state.thread_index()), static_cast<uint32_t>(number % kChunksPerThread)};
}

void Finish(benchmark::State& state, uint32_t bytes_each) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * bytes_each);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void WriteChunks(benchmark::State& state) {
  Data data(kChunkBytes);
  uint64_t number = 0;
  for (auto _ : state) {
    if (!data.Write(ChunkOf(state, number++), 0)) state.SkipWithError("write");
  }
  Finish(state, kChunkBytes);
}

// Overwrites blocks of chunks that are there.
void WriteBlocksAtRandom(benchmark::State& state) {
  Data whole(kChunkBytes);
  for (uint32_t i = 0; i < kChunksPerThread; ++i) {
    if (!whole.Write(ChunkOf(state, i), 0)) state.SkipWithError("write");
  }
  Data block(kBlockBytes);
  std::mt19937 random(static_cast<uint32_t>(state.thread_index()));
  for (auto _ : state) {
    const auto at = static_cast<uint32_t>(random() % (kChunkBytes / kBlockBytes));
    if (!block.Write(ChunkOf(state, random()), at * kBlockBytes)) state.SkipWithError("write");
  }
  Finish(state, kBlockBytes);
}

void SyncAfterEachBlock(benchmark::State& state) {
  Data block(kBlockBytes);
  uint64_t number = 0;
  for (auto _ : state) {
    const bool ok = block.Write(ChunkOf(state, number++), 0) && target->store().Sync().ok();
    if (!ok) state.SkipWithError("write");
  }
  Finish(state, kBlockBytes);
}

// state.range(0) bytes at a time, at random, from the disk by Copy.
void ReadFromDisk(benchmark::State& state) {
  const auto bytes = static_cast<uint32_t>(state.range(0));
  Data whole(kChunkBytes);
  for (uint32_t i = 0; i < kChunksPerThread; ++i) {
    if (!whole.Write(ChunkOf(state, i), 0)) state.SkipWithError("write");
  }
  std::vector<std::byte> out(bytes);
  std::mt19937 random(static_cast<uint32_t>(state.thread_index()));
  for (auto _ : state) {
    const auto offset = static_cast<uint32_t>(random() % (kChunkBytes / bytes)) * bytes;
    const auto read = target->store().Read(ChunkOf(state, random()), offset, bytes);
    if (!read.ok() || !target->store().Copy(*read, out).ok()) state.SkipWithError("read");
  }
  Finish(state, bytes);
}

// What a read costs before sendfile.
void LookUp(benchmark::State& state) {
  Data whole(kChunkBytes);
  for (uint32_t i = 0; i < kChunksPerThread; ++i) {
    if (!whole.Write(ChunkOf(state, i), 0)) state.SkipWithError("write");
  }
  uint64_t number = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(target->store().Read(ChunkOf(state, number++), 0, kChunkBytes));
  }
  Finish(state, kChunkBytes);
}

void OneAndFourThreads(benchmark::internal::Benchmark* benchmark) {
  benchmark->Setup(MakeTarget)->Teardown(DropTarget)->Threads(1)->Threads(4)->UseRealTime();
}

BENCHMARK(WriteChunks)->Apply(OneAndFourThreads);
BENCHMARK(WriteBlocksAtRandom)->Apply(OneAndFourThreads);
BENCHMARK(SyncAfterEachBlock)->Apply(OneAndFourThreads);
BENCHMARK(ReadFromDisk)->Arg(kChunkBytes)->Arg(kBlockBytes)->Apply(OneAndFourThreads);
BENCHMARK(LookUp)->Apply(OneAndFourThreads);

}  // namespace
}  // namespace weft::storage

BENCHMARK_MAIN();
