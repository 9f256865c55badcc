#include "metadata-server/namespace/keys.h"

#include "metadata-server/store/big_endian.h"

namespace weft::metadata {
namespace {

static_assert(kIdKeyBytes == kBigEndianBytes);

std::string Key(uint64_t id, std::string_view name = {}) {
  std::string key;
  key.reserve(kIdKeyBytes + name.size());
  AppendBigEndian(&key, id);
  key.append(name);
  return key;
}

}  // namespace

std::string InodeKey(InodeId inode) { return Key(inode.value()); }
std::string ContentKey(ContentId content) { return Key(content.value()); }
std::string DentryKey(InodeId directory, std::string_view name) {
  return Key(directory.value(), name);
}
std::string XattrKey(InodeId inode, std::string_view name) { return Key(inode.value(), name); }

InodeId InodeOfKey(std::string_view key) { return InodeId(ReadBigEndian(key)); }
ContentId ContentOfKey(std::string_view key) { return ContentId(ReadBigEndian(key)); }
std::string_view NameOfKey(std::string_view key) { return key.substr(kIdKeyBytes); }

}  // namespace weft::metadata
