#include "client/fuse/dir_stream.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "common/status.h"

namespace weft::fuse {
namespace {

constexpr uint32_t kEntriesPerSearchStep = 1024;

}  // namespace

absl::Status DirStream::Read(int64_t position, uint32_t max_entries, bool want_attrs,
                             const Sink& sink) {
  // Held over the call to the server: one open directory is read by one thread at a time.
  MutexLock lock(&mutex_);
  if (position == DirPositions::kStart) positions_.Clear();
  WEFT_ASSIGN_OR_RETURN(const std::string after_name, Resolve(position));
  WEFT_ASSIGN_OR_RETURN(const client::DirPage page,
                        vfs_.ReadDir(caller_, directory_, after_name,
                                     std::min(max_entries, kMaxEntriesPerRead), want_attrs));
  if (!GiveDots(position, page.parent, sink)) return absl::OkStatus();
  positions_.BeginBatch(position, after_name);
  return GiveEntries(page, sink);
}

absl::StatusOr<std::string> DirStream::Resolve(int64_t position) {
  const std::optional<DirPositions::Place> place = positions_.Find(position);
  if (!place.has_value()) return PosixError(EINVAL, "no such position in the directory");
  if (!place->skip_to_hash.has_value()) return place->after_name;
  return FindByHash(place->after_name, *place->skip_to_hash);
}

absl::StatusOr<std::string> DirStream::FindByHash(std::string_view after_name,
                                                  uint32_t hash) const {
  std::string cursor(after_name);
  for (uint32_t searched = 0; searched < kMaxEntriesSearched; searched += kEntriesPerSearchStep) {
    WEFT_ASSIGN_OR_RETURN(const client::DirPage page,
                          vfs_.ReadDir(caller_, directory_, cursor, kEntriesPerSearchStep,
                                       /*want_attrs=*/false));
    for (const proto::DirEntry& entry : page.entries) {
      if (DirPositions::HashOf(entry.name()) == hash) return entry.name();
    }
    if (page.at_end || page.entries.empty()) break;
    cursor = page.entries.back().name();
  }
  return std::string(after_name);
}

bool DirStream::GiveDots(int64_t position, InodeId parent, const Sink& sink) const {
  Entry dot{.name = ".",
            .inode = directory_,
            .type = proto::DIRECTORY,
            .position = DirPositions::kAfterDot};
  Entry dot_dot{.name = "..",
                .inode = parent,
                .type = proto::DIRECTORY,
                .position = DirPositions::kAfterDotDot};
  if (position < DirPositions::kAfterDot && !sink(dot)) return false;
  return position >= DirPositions::kAfterDotDot || sink(dot_dot);
}

absl::Status DirStream::GiveEntries(const client::DirPage& page, const Sink& sink) {
  for (const proto::DirEntry& from : page.entries) {
    const std::optional<int64_t> position = positions_.Next(from.name());
    if (!position.has_value()) return PosixError(EOVERFLOW, "too many entries without a rewind");
    const Entry entry{.name = from.name(),
                      .inode = InodeId(from.inode_id()),
                      .type = from.type(),
                      .attr = from.has_attr() ? &from.attr() : nullptr,
                      .position = *position};
    if (!sink(entry)) break;
    positions_.HandedOut(from.name());
  }
  return absl::OkStatus();
}

}  // namespace weft::fuse
