// The wire's namespace and session calls ↔ the domain: parse, apply the rules for clients, check
// the session, call, reply. Nothing else.
//
// Thread-safe: called from many wire workers at once.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/cluster_map/cluster_map.h"
#include "common/wire/server.h"
#include "metadata-server/cluster/membership.h"
#include "metadata-server/namespace/namespace.h"
#include "metadata-server/service/client_rules.h"
#include "metadata-server/service/lock_handler.h"
#include "metadata-server/sessions/session_locks.h"
#include "metadata-server/sessions/session_table.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

// What the handler tells clients of this server.
struct ServerFacts {
  std::string cluster_id;
  uint64_t server_start = 0;  // changes with every start
  std::chrono::milliseconds session_ttl{15'000};
  std::function<std::string()> control_address;  // host:port of the gRPC services
};

class MetadataHandler final : public wire::Handler {
 public:
  // All pointers must outlive the handler.
  MetadataHandler(ServerFacts facts, ClientRules rules, Namespace* names, SessionTable* sessions,
                  SessionLocks* locks, KvStore* store, Membership* membership);

  void Handle(const wire::Request& request, wire::Responder& responder) override;

 private:
  absl::Status Dispatch(const wire::Request& request, wire::Responder& responder);
  absl::Status DispatchNames(const wire::Request& request, wire::Responder& responder);
  absl::Status DispatchContent(const wire::Request& request, wire::Responder& responder);
  absl::Status DispatchQuotas(const wire::Request& request, wire::Responder& responder);

  absl::Status OpenSession(const wire::Request& request, wire::Responder& responder);
  absl::Status KeepAlive(const wire::Request& request, wire::Responder& responder);
  absl::Status CloseSession(const wire::Request& request, wire::Responder& responder);
  absl::Status GetClusterMap(const wire::Request& request, wire::Responder& responder);
  absl::Status GetServerInfo(const wire::Request& request, wire::Responder& responder);
  absl::Status Sync(const wire::Request& request, wire::Responder& responder);
  absl::Status StatFs(const wire::Request& request, wire::Responder& responder);

  // Parses, checks the session of a mutation, calls `method` of the namespace and sends its reply.
  template <typename Request, typename Reply>
  absl::Status Forward(absl::StatusOr<Reply> (Namespace::*method)(const Request&),
                       const wire::Request& request, wire::Responder& responder);
  // The same for calls whose reply carries inline content.
  template <typename Request, typename Reply>
  absl::Status Forward(absl::StatusOr<Reply> (Namespace::*method)(const Request&, std::string*),
                       const wire::Request& request, wire::Responder& responder);
  // The same for calls that bring bytes.
  template <typename Request, typename Reply>
  absl::Status ForwardPayload(absl::StatusOr<Reply> (Namespace::*method)(const Request&,
                                                                         std::string_view),
                              const wire::Request& request, wire::Responder& responder);
  // Parses a request, and applies what the rules say of its caller.
  template <typename Request>
  absl::Status Parse(const wire::Request& request, Request* message) const;
  // Answers EROFS, and true, where a client that may only read wants to change something.
  template <typename Request>
  [[nodiscard]] bool Refuses(const wire::Request& request, const Request& message,
                             wire::Responder& responder) const;
  [[nodiscard]] std::shared_ptr<const ClusterMap> CurrentMap() const;

  const ServerFacts facts_;
  const ClientRules rules_;
  Namespace* const names_;
  SessionTable* const sessions_;
  SessionLocks* const locks_;
  LockHandler lock_handler_;
  KvStore* const store_;
  Membership* const membership_;
};

}  // namespace weft::metadata
