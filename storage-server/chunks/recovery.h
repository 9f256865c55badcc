// What is done before a store opens: undo what a power loss tore, make the rest durable, and find
// out which blocks are taken.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "storage-server/chunks/block_space.h"
#include "storage-server/chunks/chunk_index.h"

namespace weft::storage {

struct Recovered {
  uint64_t completed_epoch = 0;  // no row has a later one
  uint64_t losses = 0;  // how often, so far, an open found that acknowledged writes were lost
};

// Chunks of epochs that did not complete are read and compared with their checksums, after a mere
// restart too: a failed fsync of the last process may have lost them as well. Can be repeated after
// a crash at any point. EIO: the index is damaged or blocks are missing.
[[nodiscard]] absl::StatusOr<Recovered> Recover(ChunkIndex* index, BlockSpace* space);

// Index change that says that all rows of `epoch` and before are durable.
[[nodiscard]] ChunkIndex::Change CompletedEpochChange(uint64_t epoch);

}  // namespace weft::storage
