#include "client/fuse/virtual_xattrs.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "client/fuse/quota_xattrs.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kPrefix[] = "weft.";

// Names and paths are bytes, JSON is UTF-8.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json LayoutJson(const proto::Layout& layout) {
  return {{"chunk_bytes", uint64_t{1} << layout.chunk_bytes_log2()},
          {"width", layout.width()},
          {"pool", layout.pool()},
          {"inline_max_bytes", layout.inline_max_bytes()}};
}

const char* TypeName(proto::FileType type) {
  switch (type) {
    case proto::REGULAR:
      return "file";
    case proto::DIRECTORY:
      return "directory";
    case proto::SYMLINK:
      return "symlink";
    case proto::FIFO:
      return "fifo";
    case proto::SOCKET:
      return "socket";
    case proto::CHARACTER_DEVICE:
      return "character device";
    case proto::BLOCK_DEVICE:
      return "block device";
    default:
      return "unknown";
  }
}

uint64_t ChunksOf(const proto::Attr& attr) {
  if (attr.content().is_inline()) return 0;
  const uint64_t chunk_bytes = uint64_t{1} << attr.content().chunk_bytes_log2();
  return attr.size_bytes() / chunk_bytes + (attr.size_bytes() % chunk_bytes != 0 ? 1 : 0);
}

Json ContentJson(const proto::Attr& attr) {
  const proto::Content& content = attr.content();
  return {{"content_id", content.content_id()},
          {"inline", content.is_inline()},
          {"chunk_bytes", uint64_t{1} << content.chunk_bytes_log2()},
          {"chunks", ChunksOf(attr)},
          {"first_group", content.first_group()},
          {"width", content.width()},
          {"pool", content.pool()}};
}

absl::StatusOr<std::string> GetInfo(client::Vfs& vfs, InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(const proto::Attr attr, vfs.GetAttr(inode));
  Json info = {{"inode", attr.inode_id()},
               {"type", TypeName(attr.type())},
               {"size_bytes", attr.size_bytes()},
               {"used_bytes", attr.used_bytes()}};
  // For people; an unlinked file has none.
  if (const absl::StatusOr<std::string> path = vfs.GetPath(inode); path.ok()) info["path"] = *path;
  if (attr.type() == proto::REGULAR) info["content"] = ContentJson(attr);
  if (attr.type() == proto::DIRECTORY) {
    WEFT_ASSIGN_OR_RETURN(const proto::Layout layout, vfs.GetLayout(inode));
    info["layout"] = LayoutJson(layout);
  }
  return Dump(info);
}

// "FIRST.N"
bool ParseRange(std::string_view text, uint32_t* first, uint32_t* count) {
  const char* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, *first);
  if (error != std::errc() || dot == end || *dot != '.') return false;
  const auto [stop, count_error] = std::from_chars(dot + 1, end, *count);
  return count_error == std::errc() && stop == end && *count <= kMaxChunksPerXattr;
}

absl::StatusOr<std::string> GetChunks(client::Vfs& vfs, InodeId inode, std::string_view range) {
  uint32_t first = 0;
  uint32_t count = 0;
  if (!ParseRange(range, &first, &count)) {
    return PosixError(EINVAL, absl::StrCat("want ", kChunksXattrPrefix, "FIRST.N with N up to ",
                                           kMaxChunksPerXattr));
  }
  WEFT_ASSIGN_OR_RETURN(const std::vector<client::ChunkPlace> places,
                        vfs.Locate(inode, first, count));
  // Nodes by their place in a list, so that the value stays small however long the names are.
  Json nodes = Json::array();
  std::map<std::string, size_t> node_index;
  Json chunks = Json::array();
  for (const client::ChunkPlace& place : places) {
    const auto [at, is_new] = node_index.try_emplace(place.node_name, nodes.size());
    if (is_new) nodes.push_back(place.node_name);
    chunks.push_back(
        Json::array({place.chunk, place.group, place.target.value(), at->second,
                     place.exists ? 1 : 0, place.version, place.length_bytes, place.used_bytes}));
  }
  return Dump(
      {{"columns",
        {"chunk", "group", "target", "node", "exists", "version", "length_bytes", "used_bytes"}},
       {"nodes", std::move(nodes)},
       {"chunks", std::move(chunks)}});
}

absl::Status ReadLayoutKey(std::string_view key, const Json& value, proto::Layout* layout) {
  if (!value.is_number_unsigned()) {
    return PosixError(EINVAL, absl::StrCat(std::string(key), " is not a whole number"));
  }
  const uint64_t number = value.get<uint64_t>();
  if (number > UINT32_MAX) {
    return PosixError(EINVAL, absl::StrCat(std::string(key), " is too large"));
  }
  const uint32_t small = static_cast<uint32_t>(number);
  if (key == "chunk_bytes") {
    if (small == 0 || (small & (small - 1)) != 0) {
      return PosixError(EINVAL, "chunk_bytes is not a power of two");
    }
    layout->set_chunk_bytes_log2(static_cast<uint32_t>(__builtin_ctz(small)));
  } else if (key == "width") {
    layout->set_width(small);
  } else if (key == "pool") {
    layout->set_pool(small);
  } else if (key == "inline_max_bytes") {
    layout->set_inline_max_bytes(small);
  } else {
    return PosixError(EINVAL, absl::StrCat("a layout has no key \"", std::string(key), "\""));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsVirtualXattr(std::string_view name) { return name.starts_with(kPrefix); }

absl::StatusOr<std::string> GetVirtualXattr(client::Vfs& vfs, InodeId inode, std::string_view name,
                                            std::string_view mount_json) {
  if (name == kMountXattr) return std::string(mount_json);
  if (name == kInfoXattr) return GetInfo(vfs, inode);
  if (name == kLayoutXattr) {
    WEFT_ASSIGN_OR_RETURN(const proto::Layout layout, vfs.GetLayout(inode));
    return Dump(LayoutJson(layout));
  }
  if (name.starts_with(kChunksXattrPrefix)) {
    return GetChunks(vfs, inode, name.substr(sizeof(kChunksXattrPrefix) - 1));
  }
  if (name == kQuotaXattr) return GetQuotaXattr(vfs, inode);
  if (name.starts_with(kQuotasXattrPrefix)) {
    return GetQuotasXattr(vfs, inode, name.substr(sizeof(kQuotasXattrPrefix) - 1));
  }
  return PosixError(ENODATA, "no such attribute");
}

absl::Status SetVirtualXattr(client::Vfs& vfs, client::Caller caller, InodeId inode,
                             std::string_view name, std::string_view value) {
  if (name == kQuotaXattr) return SetQuotaXattr(vfs, caller, inode, value);
  if (name != kLayoutXattr) return PosixError(EPERM, "this attribute cannot be set");
  const Json wanted = Json::parse(value, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!wanted.is_object()) return PosixError(EINVAL, "a layout is a JSON object");
  WEFT_ASSIGN_OR_RETURN(proto::Layout layout, vfs.GetLayout(inode));
  for (const auto& [key, item] : wanted.items()) {
    WEFT_RETURN_IF_ERROR(ReadLayoutKey(key, item, &layout));
  }
  return vfs.SetLayout(caller, inode, layout);
}

absl::Status RemoveVirtualXattr(client::Vfs& vfs, client::Caller caller, InodeId inode,
                                std::string_view name) {
  if (name != kQuotaXattr) return PosixError(EPERM, "this attribute cannot be removed");
  return vfs.RemoveQuota(caller, inode);
}

}  // namespace weft::fuse
