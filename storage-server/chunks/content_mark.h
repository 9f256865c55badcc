// What the index keeps of a content as a whole, beside the rows of its chunks: up to where it was
// cut, or that it is removed.
//
// A row carries the cut of its chunk; the mark speaks for the chunks that have no row. That of a
// removed content is wanted until nobody writes to it any more, so it has a second key in the order
// of time, by which it is found when it has grown old. Keys and values (docs/formats.md):
//   't', content id                              "cut N", or "removed SECONDS" since 1970
//   'u', SECONDS of the removal, content id      empty
// Thread-safe: pure functions.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/ids.h"

namespace weft::storage {

struct ContentMark {
  uint32_t cut = 0;           // the newest one; 0: never cut
  bool removed = false;       // then the cut does not matter
  uint64_t removed_at_s = 0;  // wall clock
};

[[nodiscard]] std::string EncodeMark(const ContentMark& mark);
// EIO where the bytes are not a mark.
[[nodiscard]] absl::StatusOr<ContentMark> DecodeMark(std::string_view bytes);

[[nodiscard]] std::string KeyOfMark(ContentId content);

struct Removal {
  uint64_t at_s = 0;
  ContentId content;
};
[[nodiscard]] std::string KeyOfRemoval(const Removal& removal);
[[nodiscard]] absl::StatusOr<Removal> RemovalOfKey(std::string_view key);

}  // namespace weft::storage
