// A metadata-server in memory, on a real wire server: sessions, a cluster map, and one directory of
// regular files. For tests.
//
// It does with content what proto/metadata.proto says; names, permissions and times are the least
// that the tests need. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "common/locks/lock_ranges.h"
#include "common/mutex.h"
#include "common/wire/server.h"
#include "proto/cluster.pb.h"
#include "proto/metadata.pb.h"

namespace weft::client {

class FakeMetadata final : public wire::Handler {
 public:
  // What happens to chunks when a file is cut. Called with a lock: must not call back.
  struct ContentHooks {
    std::function<void(const proto::Content& content, uint64_t size_bytes)> cut;
    std::function<void(uint64_t content_id)> remove;
  };

  explicit FakeMetadata(ContentHooks hooks) : hooks_(std::move(hooks)) {}
  ~FakeMetadata() override { Stop(); }

  // Serves, from the second time on at the same address.
  void Start();
  void Stop();
  [[nodiscard]] std::string address() const WEFT_EXCLUDES(mutex_);

  // Of new files.
  void SetLayout(const proto::Layout& layout) WEFT_EXCLUDES(mutex_);
  void SetMap(const proto::ClusterMap& map) WEFT_EXCLUDES(mutex_);
  void SetTtl(uint32_t ttl_ms) WEFT_EXCLUDES(mutex_);
  // As after a restart of the server, and after one that lost power.
  void SetServerStart(uint64_t start) WEFT_EXCLUDES(mutex_);
  void SetDurabilityId(std::string id) WEFT_EXCLUDES(mutex_);
  // What the server has of an inline file goes back to this, as it was before a power loss: call it
  // with SetDurabilityId.
  void PutBack(const proto::Attr& attr, std::string bytes) WEFT_EXCLUDES(mutex_);
  // Commits get no answer, as far as the client can tell, and are not carried out.
  void SetCommitsFail(bool fail) WEFT_EXCLUDES(mutex_);
  void SetFreeBytes(uint64_t bytes) WEFT_EXCLUDES(mutex_);
  // Forgets all sessions.
  void ExpireSessions() WEFT_EXCLUDES(mutex_);

  [[nodiscard]] uint64_t calls(proto::MetadataMethod method) const WEFT_EXCLUDES(mutex_);
  // What the server has of a file; inode_id 0 where there is none of that name.
  [[nodiscard]] proto::Attr AttrOf(const std::string& name) const WEFT_EXCLUDES(mutex_);
  // Opens that are counted now, of all inodes, and those reported since the last restart.
  [[nodiscard]] int open_count() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] size_t reported_opens() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] size_t session_count() const WEFT_EXCLUDES(mutex_);
  // Locks that sessions have told since the last restart.
  [[nodiscard]] int reported_locks() const WEFT_EXCLUDES(mutex_);

  void Handle(const wire::Request& request, wire::Responder& responder) override
      WEFT_EXCLUDES(mutex_);

 private:
  struct Inode {
    proto::Attr attr;
    std::string bytes;  // inline
    uint64_t append_end = 0;
    int opens = 0;
    std::map<uint64_t, int> writers;  // by session
  };
  // The answer to a mutation; kept by (session, sequence).
  struct Answer {
    absl::Status status;
    std::shared_ptr<const google::protobuf::MessageLite> message;
    std::string payload;
  };

  Answer Execute(const wire::Request& request) WEFT_REQUIRES(mutex_);
  template <typename Request, typename Reply>
  Answer Run(const wire::Request& request,
             absl::Status (FakeMetadata::*method)(const Request&, Reply*, std::string*))
      WEFT_REQUIRES(mutex_);
  template <typename Request, typename Reply>
  Answer Mutate(const wire::Request& request,
                absl::Status (FakeMetadata::*method)(const Request&, Reply*, std::string*))
      WEFT_REQUIRES(mutex_);

  // One for each method; `payload` is that of the request, then that of the reply.
  absl::Status OpenSession(const proto::OpenSessionRequest& request, proto::OpenSessionReply* reply,
                           std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status KeepAlive(const proto::KeepAliveRequest& request, proto::KeepAliveReply* reply,
                         std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status CloseSession(const proto::CloseSessionRequest& request,
                            proto::CloseSessionReply* reply, std::string* payload)
      WEFT_REQUIRES(mutex_);
  absl::Status GetMap(const proto::GetClusterMapRequest& request, proto::ClusterMap* reply,
                      std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status Lookup(const proto::LookupRequest& request, proto::LookupReply* reply,
                      std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status GetAttr(const proto::GetAttrRequest& request, proto::GetAttrReply* reply,
                       std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status SetAttr(const proto::SetAttrRequest& request, proto::SetAttrReply* reply,
                       std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status Create(const proto::CreateRequest& request, proto::CreateReply* reply,
                      std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status Unlink(const proto::UnlinkRequest& request, proto::UnlinkReply* reply,
                      std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status ReadDir(const proto::ReadDirRequest& request, proto::ReadDirReply* reply,
                       std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status Open(const proto::OpenRequest& request, proto::OpenReply* reply,
                    std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status Close(const proto::CloseRequest& request, proto::CloseReply* reply,
                     std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status ReadInline(const proto::ReadInlineRequest& request, proto::ReadInlineReply* reply,
                          std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status Append(const proto::AppendRequest& request, proto::AppendReply* reply,
                      std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status WriteInline(const proto::WriteInlineRequest& request, proto::WriteInlineReply* reply,
                           std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status BeginMove(const proto::BeginMoveRequest& request, proto::BeginMoveReply* reply,
                         std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status CommitWrite(const proto::CommitWriteRequest& request, proto::CommitWriteReply* reply,
                           std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status Sync(const proto::SyncRequest& request, proto::SyncReply* reply,
                    std::string* payload) WEFT_REQUIRES(mutex_);

  // -- fake_locks.cc. A grant is told only to who asks.
  absl::Status GetLock(const proto::GetLockRequest& request, proto::GetLockReply* reply,
                       std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status SetLock(const proto::SetLockRequest& request, proto::SetLockReply* reply,
                       std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status CancelLock(const proto::CancelLockRequest& request, proto::CancelLockReply* reply,
                          std::string* payload) WEFT_REQUIRES(mutex_);
  absl::Status ReleaseLocks(const proto::ReleaseLocksRequest& request,
                            proto::ReleaseLocksReply* reply, std::string* payload)
      WEFT_REQUIRES(mutex_);
  // What another owner holds that the session's lock conflicts with; none: its type is NO_LOCK.
  [[nodiscard]] std::pair<uint64_t, proto::FileLock> FindConflict(uint64_t session,
                                                                  const proto::FileLock& lock)
      WEFT_REQUIRES(mutex_);
  absl::Status StatFs(const proto::StatFsRequest& request, proto::StatFsReply* reply,
                      std::string* payload) WEFT_REQUIRES(mutex_);

  absl::StatusOr<Inode*> Find(uint64_t inode) WEFT_REQUIRES(mutex_);
  void NewContent(proto::Content* content) WEFT_REQUIRES(mutex_);
  // The inline bytes get another content id; the chunks of the old one go.
  void RenewContent(Inode& inode) WEFT_REQUIRES(mutex_);
  // Counts it, and tells whether the session is its sole writer.
  static bool CountOpen(Inode& inode, uint64_t session, bool for_writing);
  void Resize(Inode& inode, uint64_t size_bytes) WEFT_REQUIRES(mutex_);
  static void Changed(Inode& inode);

  const ContentHooks hooks_;
  std::unique_ptr<wire::Server> server_;  // started and stopped by the test's thread

  mutable Mutex mutex_;
  std::string address_ WEFT_GUARDED_BY(mutex_) = "127.0.0.1:0";
  proto::Layout layout_ WEFT_GUARDED_BY(mutex_);
  proto::ClusterMap map_ WEFT_GUARDED_BY(mutex_);
  uint64_t free_bytes_ WEFT_GUARDED_BY(mutex_) = uint64_t{1} << 40;
  uint32_t ttl_ms_ WEFT_GUARDED_BY(mutex_) = 15'000;
  uint64_t server_start_ WEFT_GUARDED_BY(mutex_) = 1;
  uint64_t era_ WEFT_GUARDED_BY(mutex_) = 1;
  bool commits_fail_ WEFT_GUARDED_BY(mutex_) = false;
  std::string durability_id_ WEFT_GUARDED_BY(mutex_) = "first";
  std::set<uint64_t> sessions_ WEFT_GUARDED_BY(mutex_);
  std::map<std::pair<uint64_t, uint64_t>, Answer> kept_ WEFT_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> names_ WEFT_GUARDED_BY(mutex_);
  std::map<uint64_t, Inode> inodes_ WEFT_GUARDED_BY(mutex_);
  std::map<std::pair<uint64_t, bool>, uint32_t> reported_ WEFT_GUARDED_BY(mutex_);
  using LockOwner = std::tuple<uint64_t, int, uint64_t, uint64_t>;  // inode, kind, session, owner
  std::map<LockOwner, LockRanges> locks_ WEFT_GUARDED_BY(mutex_);
  int reported_locks_ WEFT_GUARDED_BY(mutex_) = 0;
  std::map<int, uint64_t> calls_ WEFT_GUARDED_BY(mutex_);
  uint64_t last_id_ WEFT_GUARDED_BY(mutex_) = 100;
};

}  // namespace weft::client
