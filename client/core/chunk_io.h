// Reads, writes, syncs and punches chunks: client of proto/storage.proto with routing, retries and
// verified checksums. Several requests of one call go to all their servers in parallel, from the
// calling thread. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "client/core/change_generations.h"
#include "client/core/chunk_call.h"
#include "client/core/vfs.h"
#include "common/ids.h"
#include "proto/types.pb.h"

namespace weft::client {

// Bytes of a chunk, from a block boundary on, in whole blocks.
struct ChunkRead {
  uint32_t chunk = 0;
  uint32_t offset_bytes = 0;
  std::span<std::byte> into;
};

// Bytes that go to one place of a chunk.
struct ChunkWrite {
  uint32_t chunk = 0;
  uint32_t offset_bytes = 0;
  std::span<const std::byte> data;
  std::vector<uint32_t> piece_crc32c;

  // Results.
  absl::Status status;
  TargetId target;
  std::string durability_id;
  uint32_t used_bytes_added = 0;  // space that the chunk takes now and did not before
};

struct ChunkHole {
  uint32_t chunk = 0;
  uint32_t offset_bytes = 0;
  uint32_t length_bytes = 0;
};

struct ChunkListing;  // stored_ranges.h

// Bytes of a chunk that were stored, and by whom.
struct ChunkStored {
  uint32_t chunk = 0;
  uint32_t offset_bytes = 0;
  uint32_t length_bytes = 0;
  TargetId target;  // none: they were not stored
  std::string durability_id;
  uint32_t used_bytes_added = 0;  // as of ChunkWrite
};

// Bytes that go from one chunk to another.
struct ChunkCopy {
  uint32_t source_chunk = 0;
  uint32_t source_offset_bytes = 0;
  ChunkStored stored;  // where to, and the result
};

// Targets, with the durability id that their writes were answered with (see proto SyncTargetReply).
using DurabilityIds = std::map<TargetId, std::string>;

class ChunkIo {
 public:
  // `session` is asked for at each write and punch.
  ChunkIo(ChunkCallRunner* runner, std::function<SessionId()> session)
      : runner_(runner), session_(std::move(session)) {}

  // Fills each `into`: what is not stored reads as zeros. Checksums are verified; where they do not
  // match even on a second read, from the disk: EIO naming the chunk and the target. The first
  // error is returned, and then no `into` is to be relied on.
  absl::Status Read(const proto::Content& content, std::span<const ChunkRead> reads);

  // Fills in the results. ESTALE: the content was cut or replaced since `content` was fetched. A
  // write that failed because no answer came is not carried out once a later one to that target
  // has succeeded. ENOSPC and so on
  // as the server says.
  void Write(const proto::Content& content, std::span<ChunkWrite> writes);

  // Makes durable what was written to `targets`, whose durability ids are filled in where they are
  // empty. EIO: one has another id now, so writes may have been lost.
  absl::Status Sync(DurabilityIds targets);

  // How many bytes of space became free. ESTALE: as for Write.
  absl::StatusOr<uint64_t> Punch(const proto::Content& content, std::span<const ChunkHole> holes);

  // Copies bytes of `source` to `content`, without moving them through this client, and fills in
  // the results. The errors are those of Write; the first one is returned.
  absl::Status Copy(const proto::Content& source, const proto::Content& content,
                    std::span<ChunkCopy> copies);

  // Fills in the replies: which chunks each target has (see proto ListChunksRequest).
  absl::Status List(const proto::Content& content, std::span<ChunkListing> listings);

  // Chunks [first, first + count) with what their servers say of them.
  absl::StatusOr<std::vector<ChunkPlace>> Locate(const proto::Content& content, uint32_t first,
                                                 uint32_t count);

  // Targets that chunks [0, count) of the content can lie on. ENXIO: some have none.
  absl::StatusOr<std::vector<TargetId>> TargetsOf(const proto::Content& content,
                                                  uint32_t count) const;
  // The node that serves a chunk; 0 where the map does not know.
  [[nodiscard]] NodeId NodeOf(const proto::Content& content, uint32_t chunk) const;

 private:
  ChunkCallRunner* const runner_;
  const std::function<SessionId()> session_;
  ChangeGenerations generations_;
};

}  // namespace weft::client
