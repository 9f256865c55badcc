// What the metadata-server believes a client of who calls, and whether it lets it change anything:
// root squash and read-only clients, by the address that a connection comes from. Constant, and so
// thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/wire/server.h"
#include "metadata-server/service/address_set.h"
#include "proto/types.pb.h"

namespace weft::metadata {

struct ClientRuleOptions {
  bool root_squash = false;
  uint32_t anonymous_uid = 65534;
  uint32_t anonymous_gid = 65534;
  // Addresses or ranges (AddressSet). Root of these clients is root here, too, despite root_squash.
  std::vector<std::string> trusted_clients;
  std::vector<std::string> read_only_clients;
};

class ClientRules {
 public:
  // EINVAL: one of the addresses is none.
  [[nodiscard]] static absl::StatusOr<ClientRules> Make(const ClientRuleOptions& options);

  // As who the caller counts: user and group 0 become the anonymous ones where root is squashed.
  // EINVAL: more than kMaxCallerGroups groups.
  [[nodiscard]] absl::Status Apply(const wire::Peer* peer, proto::Credentials* caller) const;

  [[nodiscard]] bool IsReadOnly(const wire::Peer* peer) const;

 private:
  ClientRules(const ClientRuleOptions& options, AddressSet trusted, AddressSet read_only);

  bool root_squash_;
  uint32_t anonymous_uid_;
  uint32_t anonymous_gid_;
  AddressSet trusted_;
  AddressSet read_only_;
};

}  // namespace weft::metadata
