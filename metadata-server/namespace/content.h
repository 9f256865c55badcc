// The content of regular files: new content, inline bytes, sizes, cuts. Every function but
// NewContent wants the inode's lock held.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/records.pb.h"

namespace weft::metadata {

// Empty inline content of its own id. With the layout's values.
[[nodiscard]] absl::StatusOr<proto::Content> NewContent(Core& core, const proto::Layout& layout);

// The layout that the content was made with.
[[nodiscard]] proto::Layout LayoutOf(const proto::Content& content);

// The bytes of an inline file as a reader sees them: filled up with zeros to its size, but not
// beyond inline_max_bytes. Nothing where the file is not inline.
[[nodiscard]] absl::StatusOr<std::string> InlinePayload(const Core& core, const InodeRecord& inode);

// Replaces the stored bytes of an inline file; the caller sets the size.
void SetInlineBytes(Change& change, InodeRecord* inode, const std::string& bytes);

// Stores bytes at `offset` of an inline file, which grows as it must. EFBIG: it has no room.
[[nodiscard]] absl::Status StoreInline(Core& core, Change& change, InodeRecord* inode,
                                       uint64_t offset, std::string_view data);

// Nothing in it and no chunks: cutting it to zero changes nothing.
[[nodiscard]] inline bool IsEmpty(const InodeRecord& inode) {
  return inode.attr().content().is_inline() && inode.attr().size_bytes() == 0;
}

// Cuts to zero: new content, the old one is deleted. Does not put the inode.
[[nodiscard]] absl::Status EmptyContent(Core& core, Change& change, InodeRecord* inode);

// Gives the bytes of an inline file another content id, because a client may have written chunks of
// the old one: the chunks are reclaimed, and those who hold the old id get EAGAIN. Puts the inode.
[[nodiscard]] absl::Status RenewInlineContent(Core& core, Change& change, InodeRecord* inode);
// The same in a change of its own, which it commits.
[[nodiscard]] absl::Status RenewInlineContent(Core& core, InodeRecord inode);

// Finishes the shrink that the inode has a row in kTruncate for; nothing to do without. ETIMEDOUT:
// a storage-server did not do its part, and the row stays.
[[nodiscard]] absl::Status FinishCut(Core& core, InodeId inode, Patience patience);

// Space that inline bytes take, and the most that a file in chunks can take.
[[nodiscard]] uint64_t UsedByInline(uint64_t stored_bytes);
[[nodiscard]] uint64_t MostUsedByChunks(uint64_t size_bytes);

}  // namespace weft::metadata
