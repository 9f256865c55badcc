// The chunks of one target: segment files for the bytes, an index that says where they are.
//
// A chunk is (content id, number) with bytes [0, length); what was never written inside it is a
// hole and reads as zeros. Writes are copy-on-write: new blocks first, then the index row switches,
// then the old blocks become free. A write that returned survives the death of the process. After
// Sync returned, every write that returned before it survives power loss; after power loss each
// chunk is a state that it really had, at least as new as the last one synced, never a mix. Which
// blocks are free is derived from the index at open. A failed sync or index write stops further
// writes (fault() says why) until the store is opened anew. Knows nothing of files, maps or
// connections. Thread-safe; changes of one chunk exclude each other.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"

namespace weft::storage {

struct ChunkId {
  ContentId content;
  uint32_t number = 0;
  friend auto operator<=>(const ChunkId&, const ChunkId&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const ChunkId& chunk) {
    return H::combine(std::move(state), chunk.content, chunk.number);
  }
};

// Asked when a change has its chunk for itself, just before it changes anything: an error is the
// change's result, and nothing changed. Not called where the change is refused for another reason
// before. Must not call the store.
using MayChange = std::function<absl::Status()>;

struct ChunkWrite {
  ChunkId chunk;
  uint32_t offset_bytes = 0;
  std::span<const std::byte> data;         // page-aligned memory goes to the disk without a copy
  std::span<const uint32_t> piece_crc32c;  // see proto WriteChunkRequest
  uint32_t cut = 0;                        // of the content, as the writer knows it
  uint32_t chunk_bytes_log2 = 0;
  MayChange may_change = nullptr;  // none: always
};

struct ChunkPunch {
  ChunkId chunk;
  uint32_t offset_bytes = 0;
  uint32_t length_bytes = 0;
  uint32_t cut = 0;                // as of ChunkWrite
  MayChange may_change = nullptr;  // none: always
};

struct ChunkInfo {
  uint64_t version = 0;  // rises with every change of the chunk
  uint32_t length_bytes = 0;
  uint32_t used_bytes = 0;
  uint32_t extents = 0;
  uint32_t used_bytes_before = 0;  // of a change: what the chunk took until then
};

// Stored bytes to send: whole blocks, but for the chunk's last. Their blocks are not reused while
// this lives.
struct ChunkRead {
  struct Range {
    int fd = -1;  // -1: a hole of that length
    uint64_t offset_bytes = 0;
    uint32_t length_bytes = 0;
  };
  uint32_t data_offset_bytes = 0;  // in the chunk, a multiple of kBlockBytes
  uint32_t data_bytes = 0;         // sum of the ranges
  std::vector<Range> ranges;
  std::vector<uint32_t> block_crc32c;  // one for each block
  ChunkInfo info;                      // version 0: there is no such chunk
  std::shared_ptr<void> pin;
};

struct ContentEnd {
  bool has_chunks = false;
  uint32_t last_chunk = 0;
  uint32_t last_chunk_length_bytes = 0;
  uint64_t used_bytes = 0;
};

// What is stored of a chunk: the other bytes up to its length are holes.
struct ChunkExtent {
  struct Range {
    uint32_t begin_bytes = 0;
    uint32_t end_bytes = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };
  uint32_t chunk = 0;
  uint32_t length_bytes = 0;
  std::vector<Range> stored;  // in order, not touching each other
};

struct ContentPage {
  std::vector<ChunkExtent> chunks;  // in order
  bool at_end = false;              // no later chunk is there
};

struct Space {
  uint64_t capacity_bytes = 0;
  uint64_t free_bytes = 0;  // what new chunks can still take
};

// Who has not heard of a content's removal for so long may make chunks of it again.
inline constexpr std::chrono::hours kRemovedMarkStays{1};

class ChunkStore {
 public:
  virtual ~ChunkStore() = default;

  // EBADMSG: the data does not match its checksums. EINVAL: beyond the chunk's end, or a number of
  // checksums that does not fit. ENOSPC: the target is full; nothing changed. EROFS: the store
  // takes no writes. ESTALE: cut is smaller than the one that this chunk was last cut or written
  // with, or, where there is no such chunk, than that of the content's last cut; or the content was
  // removed. Else the error of may_change.
  [[nodiscard]] virtual absl::StatusOr<ChunkInfo> Write(const ChunkWrite& write) = 0;

  // What is stored of [offset, offset + length), widened to blocks, for sendfile.
  [[nodiscard]] virtual absl::StatusOr<ChunkRead> Read(ChunkId chunk, uint32_t offset_bytes,
                                                       uint32_t length_bytes) = 0;
  // Fills `out` with the bytes of a ChunkRead from the disk itself, not from the page cache where
  // that can be.
  [[nodiscard]] virtual absl::Status Copy(const ChunkRead& read, std::span<std::byte> out) = 0;

  [[nodiscard]] virtual absl::Status Sync() = 0;

  // See proto/storage.proto. Durable when they return; no write that was refused by them or that
  // was under way leaves anything behind. A removed content is known as such for kRemovedMarkStays.
  [[nodiscard]] virtual absl::StatusOr<uint32_t> TruncateContent(ContentId content,
                                                                 uint64_t size_bytes,
                                                                 uint32_t chunk_bytes_log2,
                                                                 uint32_t cut) = 0;
  [[nodiscard]] virtual absl::StatusOr<uint64_t> RemoveContent(ContentId content) = 0;

  // Turns bytes into zeros; whole blocks give their space back. The length stays. Version 0: there
  // is no such chunk. ESTALE and the error of may_change as of Write.
  [[nodiscard]] virtual absl::StatusOr<ChunkInfo> Punch(const ChunkPunch& punch) = 0;
  // ENOENT where there is no such chunk.
  [[nodiscard]] virtual absl::StatusOr<ChunkInfo> Stat(ChunkId chunk) const = 0;
  [[nodiscard]] virtual absl::StatusOr<ContentEnd> End(ContentId content) const = 0;
  // The content's chunks from `first_chunk` on, at most max_chunks, and fewer where they lie in
  // very many pieces: at least one where there is one.
  [[nodiscard]] virtual absl::StatusOr<ContentPage> List(ContentId content, uint32_t first_chunk,
                                                         uint32_t max_chunks) const = 0;

  [[nodiscard]] virtual Space space() const = 0;
  // Empty, or why no writes are taken.
  [[nodiscard]] virtual std::string fault() const = 0;
  // Changes where writes that returned may have been lost; see proto SyncTargetReply.
  [[nodiscard]] virtual std::string durability_id() const = 0;
};

// Who a target is: the superblock, a file in its directory.
struct Superblock {
  std::string target_uuid;
  std::string node_uuid;
  std::string cluster_id;  // empty until the metadata-server has told it
  uint32_t format_version = 0;
};

// Who the target in `directory` is; nothing where the directory is missing or empty. A superblock
// that is damaged or of a newer format, and a foreign directory: the same errors as of OpenTarget.
// Takes no lock and changes nothing.
[[nodiscard]] absl::StatusOr<std::optional<Superblock>> ReadSuperblock(
    const std::string& directory);

struct StoreOptions {
  std::string directory;
  std::string node_uuid;        // of this daemon; a target of another node is refused
  uint64_t capacity_bytes = 0;  // 0: what the disk has
  uint32_t segment_bytes = 1u << 30;
};

struct OpenedStore {
  Superblock superblock;
  std::unique_ptr<ChunkStore> store;
};

// Opens a target; an empty or missing directory is made into one. A directory that is in use,
// foreign (not empty and without a superblock), of another node, of a newer format or damaged: an
// error that says which and what to do; nothing in it is changed.
[[nodiscard]] absl::StatusOr<OpenedStore> OpenTarget(const StoreOptions& options);

// Writes the cluster id into the superblock of a closed or open target, durably. EEXIST: it has
// another one.
[[nodiscard]] absl::Status AdoptCluster(const std::string& directory,
                                        const std::string& cluster_id);

}  // namespace weft::storage
