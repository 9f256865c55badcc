// The callback connections of a server's peers, and calls over them. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/mutex.h"
#include "common/wire/channel.h"
#include "common/wire/server_connection.h"

namespace weft::wire {

class CallbackPeers {
 public:
  CallbackPeers();
  ~CallbackPeers();

  // The newest connection of a uuid is the one that is called.
  void Add(std::shared_ptr<ServerConnection> connection);
  void Remove(const ServerConnection& connection);

  // As Server::CallPeer. A connection over which a call fails is shut down and not used again.
  [[nodiscard]] absl::Status Call(std::string_view uuid, const CallSpec& spec);

  [[nodiscard]] std::vector<std::string> Uuids() const;
  // Calls in progress fail.
  void ShutDownAll();

 private:
  class Link;
  using Links = std::vector<std::shared_ptr<Link>>;  // oldest first

  std::shared_ptr<Link> Newest(std::string_view uuid) const;

  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Links> links_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::wire
