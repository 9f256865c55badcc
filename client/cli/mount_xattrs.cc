#include "client/cli/mount_xattrs.h"

#include <sys/xattr.h>

#include <cerrno>
#include <vector>

#include "common/status.h"

namespace weft::cli {
namespace {

constexpr size_t kMaxValueBytes = 64 * 1024;  // the kernel's own bound

absl::Status XattrError(const std::string& path, const char* what) {
  if (errno == EOPNOTSUPP || errno == ENODATA) {
    return PosixError(EOPNOTSUPP, path + " is not on a mount of WeftFS");
  }
  return LastError(std::string(what) + " " + path);
}

}  // namespace

absl::StatusOr<Json> ReadMountXattr(const std::string& path, const std::string& name) {
  std::vector<char> value(kMaxValueBytes);
  const ssize_t length = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (length < 0) return XattrError(path, "ask the mount about");
  Json json = Json::parse(value.begin(), value.begin() + length, /*cb=*/nullptr,
                          /*allow_exceptions=*/false);
  if (!json.is_object()) return PosixError(EPROTO, path + ": the mount's answer is not understood");
  return json;
}

absl::Status WriteMountXattr(const std::string& path, const std::string& name, const Json& value) {
  const std::string text = value.dump();
  if (::setxattr(path.c_str(), name.c_str(), text.data(), text.size(), 0) == 0) {
    return absl::OkStatus();
  }
  return XattrError(path, "change the settings of");
}

uint64_t NumberIn(const Json& object, const char* key) {
  if (!object.is_object()) return 0;
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

std::string TextIn(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace weft::cli
