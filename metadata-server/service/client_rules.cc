#include "metadata-server/service/client_rules.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include "common/limits.h"
#include "common/status.h"

namespace weft::metadata {
namespace {

// Of "ip:port".
std::string_view HostOf(const wire::Peer* peer) {
  if (peer == nullptr) return {};
  return std::string_view(peer->address).substr(0, peer->address.rfind(':'));
}

}  // namespace

ClientRules::ClientRules(const ClientRuleOptions& options, AddressSet trusted, AddressSet read_only)
    : root_squash_(options.root_squash),
      anonymous_uid_(options.anonymous_uid),
      anonymous_gid_(options.anonymous_gid),
      trusted_(std::move(trusted)),
      read_only_(std::move(read_only)) {}

absl::StatusOr<ClientRules> ClientRules::Make(const ClientRuleOptions& options) {
  WEFT_ASSIGN_OR_RETURN(AddressSet trusted, AddressSet::Parse(options.trusted_clients));
  WEFT_ASSIGN_OR_RETURN(AddressSet read_only, AddressSet::Parse(options.read_only_clients));
  return ClientRules(options, std::move(trusted), std::move(read_only));
}

absl::Status ClientRules::Apply(const wire::Peer* peer, proto::Credentials* caller) const {
  if (static_cast<size_t>(caller->groups_size()) > kMaxCallerGroups) {
    return PosixError(EINVAL, "a caller has at most " + std::to_string(kMaxCallerGroups) +
                                  " supplementary groups");
  }
  if (!root_squash_ || trusted_.Contains(HostOf(peer))) return absl::OkStatus();
  if (caller->uid() == 0) {
    caller->set_uid(anonymous_uid_);
    caller->set_gid(anonymous_gid_);
    caller->clear_groups();
  }
  if (caller->gid() == 0) caller->set_gid(anonymous_gid_);
  for (uint32_t& group : *caller->mutable_groups()) {
    if (group == 0) group = anonymous_gid_;
  }
  return absl::OkStatus();
}

bool ClientRules::IsReadOnly(const wire::Peer* peer) const {
  return read_only_.Contains(HostOf(peer));
}

}  // namespace weft::metadata
