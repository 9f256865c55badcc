// Positions in one open directory. The kernel names a position by a number (d_off); the Vfs goes on
// after a name. This gives out the numbers and finds the names again, in bounded memory.
//
// A number is given to each entry that is handed out, and never given again until a rewind. It
// holds a count and a hash of the entry's name:
// - Positions of the answer that was handed out last are known exactly, whether or not their
//   entries still exist. Nothing else is needed by programs that just list, or remove while they
//   list.
// - Of older answers (seekdir far back) only the name that came before is kept; the entry is then
//   looked for by its hash from there. If it is gone, reading goes on where its answer began:
//   entries may come twice, and none is left out.
// - When too many answers are remembered, neighbours are joined.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::fuse {

class DirPositions {
 public:
  static constexpr int64_t kStart = 0;
  static constexpr size_t kMaxBatches = 1024;

  // Positions after "." and "..", which stand before the first entry.
  static constexpr int64_t kAfterDot = int64_t{1} << 32;
  static constexpr int64_t kAfterDotDot = int64_t{2} << 32;

  // Where reading goes on.
  struct Place {
    std::string after_name;  // empty: before the first entry
    // Skip to after the entry of this hash, if it is found.
    std::optional<uint32_t> skip_to_hash;
  };

  // For the position of an entry. Nothing: the position was never given out.
  [[nodiscard]] std::optional<Place> Find(int64_t position) const;

  // Forgets everything, as rewinddir(3) allows.
  void Clear();

  // Entries handed out from now on answer a request for what follows `position`, which was found
  // to be after `after_name`.
  void BeginBatch(int64_t position, std::string_view after_name);
  // Position after an entry that is about to be handed out. Nothing: the numbers are used up.
  [[nodiscard]] std::optional<int64_t> Next(std::string_view name) const;
  // The entry has been handed out, with that position.
  void HandedOut(std::string_view name);

  [[nodiscard]] static uint32_t HashOf(std::string_view name);

 private:
  struct Batch {
    uint32_t first;          // count of its first entry
    int64_t begin_position;  // the position asked for, where that is known to be after_name
    std::string after_name;  // a name before all its entries
  };

  void JoinBatches();

  uint32_t next_ = kFirstCount;
  std::vector<Batch> batches_;      // in the order of `first`
  std::vector<std::string> names_;  // of the last batch

  static constexpr uint32_t kFirstCount = 3;
};

}  // namespace weft::fuse
