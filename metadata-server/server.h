// The metadata-server: builds its parts, starts and stops them in order.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>

#include "common/mutex.h"
#include "common/wire/server.h"
#include "metadata-server/cluster/membership.h"
#include "metadata-server/namespace/namespace.h"
#include "metadata-server/options.h"
#include "metadata-server/periodic.h"
#include "metadata-server/reclaim/reclaimer.h"
#include "metadata-server/service/control_services.h"
#include "metadata-server/service/lock_notifier.h"
#include "metadata-server/service/map_notifier.h"
#include "metadata-server/service/metadata_handler.h"
#include "metadata-server/sessions/session_locks.h"
#include "metadata-server/sessions/session_table.h"
#include "metadata-server/store/kv_store.h"

namespace weft::metadata {

class Server {
 public:
  // Opens the store and listens at once. Any error names what it is about.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options);
  // Stops as Stop does.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // host:port with the real ports.
  [[nodiscard]] std::string wire_address() const { return wire_->address(); }
  [[nodiscard]] std::string control_address() const { return control_->address(); }

  // Answers what is in progress and makes everything durable, within seconds. Idempotent; not
  // thread-safe.
  void Stop();

 private:
  explicit Server(Options options);

  [[nodiscard]] absl::Status OpenParts();
  [[nodiscard]] absl::Status Listen();
  [[nodiscard]] absl::Status EndSession(SessionId session, bool expired);
  // The client of a session, over its callback connection.
  void TellGranted(SessionId session, const proto::LockGrantedRequest& request);
  void FillStatus(proto::GetStatusReply* reply) const;
  void StartUpkeep();
  // Looks who is silent. Must never wait for a storage-server.
  void Watch();

  const Options options_;
  const std::string uuid_;
  const std::chrono::steady_clock::time_point started_;

  // In the order of construction: each uses only what stands above it.
  std::unique_ptr<KvStore> store_;
  std::unique_ptr<Membership> membership_;
  std::unique_ptr<ContentCalls> content_calls_;
  std::unique_ptr<Reclaimer> reclaimer_;
  std::unique_ptr<Namespace> namespace_;
  std::unique_ptr<SessionTable> sessions_;
  LockNotifier lock_notifier_;
  std::unique_ptr<SessionLocks> locks_;
  std::unique_ptr<MetadataHandler> handler_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<wire::Server> wire_;
  std::unique_ptr<MapNotifier> map_notifier_;
  // The middle two may wait for storage-servers, for long, and so have threads of their own.
  std::unique_ptr<Periodic> watch_;
  std::unique_ptr<Periodic> session_upkeep_;
  std::unique_ptr<Periodic> namespace_upkeep_;
  std::unique_ptr<Periodic> quota_walks_;

  MapPublisher::Subscription reclaim_wake_ = 0;
  bool has_reported_fault_ = false;  // of watch_'s thread only, as is the next
  std::string last_watch_failure_;
  bool is_stopped_ = false;

  mutable Mutex mutex_;
  std::string status_address_ WEFT_GUARDED_BY(mutex_);  // of the wire; empty until it listens
};

}  // namespace weft::metadata
