// The mount's session with the metadata-server: opened at mount, kept alive, renewed when it was
// lost, closed at the end.
//
// A thread of its own sends a keep-alive every third of the TTL, over a connection of its own, so
// that busy or hanging calls do not hold it up. It reports what is open once to each start of the
// server. A lost session is replaced once, whoever notices first. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/core/io_timeout.h"
#include "client/core/metadata_client.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/wire/channel.h"
#include "proto/metadata.pb.h"

namespace weft::client {

class Session {
 public:
  // What the session tells the mount, and asks of it. Called from any thread, holding no lock that
  // calls of MetadataClient could need; none may wait for a call of a mutation.
  struct Hooks {
    std::function<void(MapEpoch epoch)> map_epoch;  // the server has a map of this epoch
    std::function<void()> lost;  // the session ended: what was not written out is lost
    std::function<void(const std::vector<uint64_t>& inodes)> inodes_lost;  // open, but gone
    // The locks that are held, for a server that started then.
    std::function<proto::LockReport(uint64_t server_start)> locks;
    std::function<void(const std::vector<proto::FileLock>& locks)> locks_lost;
    std::function<void(const proto::LockGrantedRequest& request)> lock_granted;
  };
  struct Options {
    wire::ChannelOptions server;
    std::string mount_point;
    bool read_only = false;
    std::chrono::milliseconds connect_timeout{10'000};
  };

  // Opens the session through `metadata`, which must outlive it, and tries until connect_timeout.
  // An error names the server. `timeout` bounds a later renewal.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Session>> Open(Options options,
                                                                     MetadataClient* metadata,
                                                                     const IoTimeout* timeout);
  // Stops, and closes the session if the server can be reached at once.
  ~Session();

  // Starts the keep-alives and listens for the server's calls. Call once.
  void Start(Hooks hooks);
  // Ends the keep-alives and the listening: no hook is called any more, but by Renew. Idempotent.
  void Stop() WEFT_EXCLUDES(mutex_);

  // Replaces the session `stale`, unless somebody did so already.
  absl::Status Renew(SessionId stale) WEFT_EXCLUDES(renewal_, mutex_);

  [[nodiscard]] std::string cluster_id() const WEFT_EXCLUDES(mutex_);
  // As the server told when the session was opened.
  [[nodiscard]] std::string durability_id() const WEFT_EXCLUDES(mutex_);

 private:
  Session(Options options, MetadataClient* metadata, const IoTimeout* timeout);

  absl::Status OpenUntil(std::chrono::steady_clock::time_point deadline) WEFT_EXCLUDES(mutex_);
  void Run();
  // One keep-alive, and the report of what is open where the server has restarted.
  absl::Status KeepAlive() WEFT_EXCLUDES(mutex_);
  absl::StatusOr<proto::KeepAliveReply> CallKeepAlive(const proto::KeepAliveRequest& request);
  absl::Status OnCallback(uint16_t method, std::string_view message, std::string* reply);
  absl::Status OnLockGranted(std::string_view message, std::string* reply);

  const Options options_;
  MetadataClient* const metadata_;
  const IoTimeout* const timeout_;
  const std::unique_ptr<wire::Channel> channel_;  // for keep-alives only
  Hooks hooks_;
  std::unique_ptr<wire::CallbackListener> callbacks_;
  std::thread thread_;

  Mutex renewal_;  // held while a session is replaced; before mutex_
  mutable Mutex mutex_;
  CondVar wake_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  SessionId id_ WEFT_GUARDED_BY(mutex_);
  uint64_t server_start_ WEFT_GUARDED_BY(mutex_) = 0;  // the last that has a report
  std::chrono::milliseconds ttl_ WEFT_GUARDED_BY(mutex_){0};
  std::string cluster_id_ WEFT_GUARDED_BY(mutex_);
  std::string durability_id_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
