#include "client/fuse/quota_xattrs.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/status.h"

namespace weft::fuse {
namespace {

using Json = nlohmann::ordered_json;

const char* StateName(proto::QuotaState state) {
  switch (state) {
    case proto::QUOTA_COUNTING:
      return "counting";
    case proto::QUOTA_ACTIVE:
      return "active";
    case proto::QUOTA_REMOVING:
      return "removing";
    default:
      return "unknown";
  }
}

template <typename Quotas>
Json QuotasJson(const Quotas& quotas) {
  Json list = Json::array();
  for (const proto::Quota& quota : quotas) {
    list.push_back({{"path", quota.path()},
                    {"inode", quota.inode_id()},
                    {"state", StateName(quota.state())},
                    {"limit_bytes", quota.limit_bytes()},
                    {"used_bytes", quota.used_bytes()},
                    {"limit_inodes", quota.limit_inodes()},
                    {"used_inodes", quota.used_inodes()}});
  }
  return list;
}

// Paths are bytes, JSON is UTF-8.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::string> GetQuotaXattr(client::Vfs& vfs, InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<proto::Quota> quotas, vfs.GetQuotas(inode));
  return Dump({{"quotas", QuotasJson(quotas)}});
}

absl::StatusOr<std::string> GetQuotasXattr(client::Vfs& vfs, InodeId inode,
                                           std::string_view after) {
  uint64_t cursor = 0;
  const char* const end = after.data() + after.size();
  const auto [stop, error] = std::from_chars(after.data(), end, cursor);
  if (error != std::errc() || stop != end) {
    return PosixError(EINVAL, absl::StrCat("want ", kQuotasXattrPrefix, "AFTER, an inode id"));
  }
  WEFT_ASSIGN_OR_RETURN(const proto::ListQuotasReply page, vfs.ListQuotas(inode, InodeId(cursor)));
  return Dump({{"quotas", QuotasJson(page.quotas())}, {"next_after", page.next_after_inode_id()}});
}

absl::Status SetQuotaXattr(client::Vfs& vfs, client::Caller caller, InodeId inode,
                           std::string_view value) {
  const Json wanted = Json::parse(value, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!wanted.is_object()) return PosixError(EINVAL, "a quota is a JSON object");
  client::QuotaLimits limits;
  for (const auto& [key, item] : wanted.items()) {
    if (key != "limit_bytes" && key != "limit_inodes") {
      return PosixError(EINVAL, absl::StrCat("a quota has no key \"", key, "\" to set"));
    }
    if (!item.is_number_unsigned()) {
      return PosixError(EINVAL, absl::StrCat(key, " is not a whole number"));
    }
    (key == "limit_bytes" ? limits.bytes : limits.inodes) = item.get<uint64_t>();
  }
  return vfs.SetQuota(caller, inode, limits);
}

}  // namespace weft::fuse
