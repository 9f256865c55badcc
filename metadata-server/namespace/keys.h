// Keys of the namespace's rows. Integers are big-endian, so that the order of keys is the order of
// ids and the names of one directory stand together, in byte order. Thread-safe: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/ids.h"

namespace weft::metadata {

inline constexpr size_t kIdKeyBytes = 8;

// Families kInode, kOrphan, kTruncate; prefix of an inode's rows in kXattr and of a directory's in
// kDentry.
[[nodiscard]] std::string InodeKey(InodeId inode);
// Families kInline, kReclaim.
[[nodiscard]] std::string ContentKey(ContentId content);
// Family kDentry: the directory's id, then the name.
[[nodiscard]] std::string DentryKey(InodeId directory, std::string_view name);
// Family kXattr: the inode's id, then the attribute's name.
[[nodiscard]] std::string XattrKey(InodeId inode, std::string_view name);

// The id that a key starts with. The key must have kIdKeyBytes at least.
[[nodiscard]] InodeId InodeOfKey(std::string_view key);
[[nodiscard]] ContentId ContentOfKey(std::string_view key);
// What follows the id.
[[nodiscard]] std::string_view NameOfKey(std::string_view key);

// Rows of kMeta that are the namespace's.
inline constexpr std::string_view kInodeIdsKey = "inode_ids";      // ids below this may be used
inline constexpr std::string_view kContentIdsKey = "content_ids";  // the same
inline constexpr std::string_view kEraKey = "era";                 // see era.h
inline constexpr std::string_view kInodeCountKey = "inode_count";  // only after a clean stop

}  // namespace weft::metadata
