#include "storage-server/chunks/content_mark.h"

#include <cerrno>
#include <charconv>

#include "common/status.h"
#include "storage-server/chunks/big_endian.h"

namespace weft::storage {
namespace {

constexpr char kMarkPrefix = 't';
constexpr char kRemovalPrefix = 'u';
constexpr size_t kRemovalKeyBytes = 1 + 8 + 8;
constexpr std::string_view kCut = "cut ";
constexpr std::string_view kRemoved = "removed ";

template <typename Int>
bool Parse(std::string_view text, Int* number) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && at == end;
}

}  // namespace

std::string EncodeMark(const ContentMark& mark) {
  return mark.removed ? std::string(kRemoved) + std::to_string(mark.removed_at_s)
                      : std::string(kCut) + std::to_string(mark.cut);
}

absl::StatusOr<ContentMark> DecodeMark(std::string_view bytes) {
  ContentMark mark;
  if (bytes.starts_with(kCut)) {
    if (Parse(bytes.substr(kCut.size()), &mark.cut)) return mark;
  } else if (bytes.starts_with(kRemoved)) {
    mark.removed = true;
    if (Parse(bytes.substr(kRemoved.size()), &mark.removed_at_s)) return mark;
  }
  return PosixError(EIO, "a content's mark in the index is damaged");
}

std::string KeyOfMark(ContentId content) {
  std::string key(1, kMarkPrefix);
  PutBigEndian<uint64_t>(&key, content.value());
  return key;
}

std::string KeyOfRemoval(const Removal& removal) {
  std::string key(1, kRemovalPrefix);
  PutBigEndian<uint64_t>(&key, removal.at_s);
  PutBigEndian<uint64_t>(&key, removal.content.value());
  return key;
}

absl::StatusOr<Removal> RemovalOfKey(std::string_view key) {
  if (key.size() != kRemovalKeyBytes || key.front() != kRemovalPrefix) {
    return PosixError(EIO, "a key of the index is damaged");
  }
  return Removal{GetBigEndian<uint64_t>(key.substr(1)),
                 ContentId(GetBigEndian<uint64_t>(key.substr(1 + 8)))};
}

}  // namespace weft::storage
