// Calls to the metadata-server: one function for each method of proto/metadata.proto.
//
// A call that gets no answer, or ETIMEDOUT, is repeated, with growing pauses, until the io timeout
// is over; then it fails with EIO. A mutation is repeated under the same sequence number, so it
// happens once. Where the server no longer knows the session, a new one is opened (see
// OnSessionLost) and the call goes on under it, unless it may have happened already: then it fails
// with EIO, but for a Close, which is due under the new session, too. Other refusals are given back
// as they came. Knows nothing of files. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "client/core/io_timeout.h"
#include "client/core/open_ledger.h"
#include "client/core/sequence.h"
#include "client/core/vfs.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/wire/channel.h"
#include "proto/cluster.pb.h"
#include "proto/metadata.pb.h"

namespace weft::client {

class MetadataClient {
 public:
  using Millis = std::chrono::milliseconds;
  template <typename T>
  using Or = absl::StatusOr<T>;

  MetadataClient(wire::Channel* channel, const IoTimeout* timeout)
      : channel_(channel), timeout_(timeout) {}

  // Called, from any call of a mutation, when the server does not know session `stale`. OK: the
  // session has been replaced by UseSession. Set once, before the first mutation.
  void OnSessionLost(std::function<absl::Status(SessionId stale)> renew) {
    renew_ = std::move(renew);
  }
  // Mutations that start from now on belong to `session`.
  void UseSession(SessionId session) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] SessionId session() const WEFT_EXCLUDES(mutex_);
  // What Create, Open and Close have left open.
  [[nodiscard]] const OpenLedger& opens() const { return opens_; }

  // Tried once, for at most `timeout`: transport errors are given back.
  Or<proto::OpenSessionReply> OpenSession(const proto::OpenSessionRequest& request, Millis timeout);
  Or<proto::CloseSessionReply> CloseSession(SessionId session, Millis timeout);
  Or<proto::ClusterMap> GetClusterMap(MapEpoch known, Millis timeout);
  Or<proto::GetAttrReply> GetAttrOnce(InodeId inode, Millis timeout);

  Or<proto::LookupReply> Lookup(const Caller& caller, proto::LookupRequest request);
  Or<proto::GetAttrReply> GetAttr(InodeId inode);
  Or<proto::SetAttrReply> SetAttr(Caller caller, proto::SetAttrRequest request);
  Or<proto::MakeNodeReply> MakeNode(Caller caller, proto::MakeNodeRequest request);
  Or<proto::LinkReply> Link(Caller caller, proto::LinkRequest request);
  Or<proto::UnlinkReply> Unlink(Caller caller, proto::UnlinkRequest request);
  Or<proto::RmdirReply> Rmdir(Caller caller, proto::RmdirRequest request);
  Or<proto::RenameReply> Rename(Caller caller, proto::RenameRequest request);
  Or<proto::ReadLinkReply> ReadLink(InodeId inode, proto::AtimePolicy atime);
  Or<proto::ReadDirReply> ReadDir(const Caller& caller, proto::ReadDirRequest request);

  // `content` gets the bytes of an inline file. Close, ReadInline, Append, WriteInline and
  // CommitWrite ask as the client itself: the session has the file open. ESHUTDOWN of the three that
  // bring bytes: the session was lost, and they were not carried out in the new one.
  Or<proto::CreateReply> Create(Caller caller, proto::CreateRequest request, std::string* content);
  Or<proto::OpenReply> Open(Caller caller, proto::OpenRequest request, std::string* content);
  Or<proto::CloseReply> Close(proto::CloseRequest request);
  Or<proto::ReadInlineReply> ReadInline(InodeId inode, std::string* content);
  Or<proto::AppendReply> Append(proto::AppendRequest request, std::string_view data);
  Or<proto::WriteInlineReply> WriteInline(proto::WriteInlineRequest request, std::string_view data);
  Or<proto::BeginMoveReply> BeginMove(InodeId inode);
  Or<proto::CommitWriteReply> CommitWrite(proto::CommitWriteRequest request);
  Or<proto::SyncReply> Sync();

  Or<proto::GetLockReply> GetLock(proto::GetLockRequest request);
  Or<proto::SetLockReply> SetLock(proto::SetLockRequest request);
  Or<proto::CancelLockReply> CancelLock(proto::CancelLockRequest request);
  Or<proto::ReleaseLocksReply> ReleaseLocks(proto::ReleaseLocksRequest request);

  Or<proto::StatFsReply> StatFs(InodeId inode);
  Or<proto::GetXattrReply> GetXattr(const Caller& caller, proto::GetXattrRequest request);
  Or<proto::SetXattrReply> SetXattr(Caller caller, proto::SetXattrRequest request);
  Or<proto::ListXattrReply> ListXattr(const Caller& caller, InodeId inode);
  Or<proto::RemoveXattrReply> RemoveXattr(Caller caller, proto::RemoveXattrRequest request);
  Or<proto::GetLayoutReply> GetLayout(InodeId inode);
  Or<proto::SetLayoutReply> SetLayout(Caller caller, proto::SetLayoutRequest request);
  Or<proto::GetPathReply> GetPath(InodeId inode);
  Or<proto::GetQuotaReply> GetQuota(InodeId inode);
  Or<proto::SetQuotaReply> SetQuota(Caller caller, proto::SetQuotaRequest request);
  Or<proto::RemoveQuotaReply> RemoveQuota(Caller caller, proto::RemoveQuotaRequest request);
  Or<proto::ListQuotasReply> ListQuotas(const proto::ListQuotasRequest& request);

 private:
  // The session that mutations belong to, and its sequence numbers.
  struct Numbering {
    SessionId session;
    SequenceTracker tracker;
  };
  struct Payloads {
    std::string_view send;
    std::string* receive;  // null: none is expected
  };

  static constexpr Payloads kNoPayload{{}, nullptr};

  // One try.
  absl::Status CallOnce(proto::MetadataMethod method, const google::protobuf::MessageLite& request,
                        Payloads payloads, google::protobuf::MessageLite* reply, Millis timeout);
  // Repeats until answered. `*maybe_done` becomes true where a try got no answer.
  absl::Status CallUntilAnswered(proto::MetadataMethod method,
                                 const google::protobuf::MessageLite& request, Payloads payloads,
                                 google::protobuf::MessageLite* reply, bool* maybe_done);
  template <typename Reply, typename Request>
  Or<Reply> Ask(proto::MetadataMethod method, const Request& request,
                Payloads payloads = kNoPayload);
  // The number of a mutation, and its end. `reply`: null where it failed; `again`: it goes on under
  // another session.
  template <typename Request>
  SequenceTracker::Numbers Begin(Numbering* numbering);
  template <typename Request, typename Reply>
  void End(Numbering* numbering, const Request& request, const Reply* reply, bool again);
  template <typename Reply, typename Request>
  Or<Reply> Change(proto::MetadataMethod method, const Caller& caller, Request request,
                   Payloads payloads = kNoPayload);

  wire::Channel* const channel_;
  const IoTimeout* const timeout_;
  std::function<absl::Status(SessionId)> renew_;
  OpenLedger opens_;

  mutable Mutex mutex_;
  std::shared_ptr<Numbering> numbering_ WEFT_GUARDED_BY(mutex_) = std::make_shared<Numbering>();
};

}  // namespace weft::client
