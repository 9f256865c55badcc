#include "client/core/metadata_client.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "common/wire/backoff.h"
#include "common/wire/buffer.h"

namespace weft::client {
namespace {

// After so long a try is given up and repeated: the connection may be dead without anybody saying
// so. A cut may take the server longer than this: the repeated request then waits for the same one.
constexpr std::chrono::milliseconds kTryTimeout{20'000};
// Sessions that one mutation outlives before it fails.
constexpr int kMaxRenewals = 3;

template <typename Request>
constexpr bool kOpens =
    std::is_same_v<Request, proto::OpenRequest> || std::is_same_v<Request, proto::CreateRequest>;
template <typename Request>
constexpr bool kCloses = std::is_same_v<Request, proto::CloseRequest>;
// Bytes of a session that was lost are lost with it, and that is told: in another session they might
// come after those of who has got a lock since.
template <typename Request>
constexpr bool kBringsBytes = std::is_same_v<Request, proto::WriteInlineRequest> ||
                              std::is_same_v<Request, proto::AppendRequest> ||
                              std::is_same_v<Request, proto::CommitWriteRequest>;

template <typename Request>
Request OfInode(InodeId inode) {
  Request request;
  request.set_inode_id(inode.value());
  return request;
}

void SetCredentials(const Caller& caller, proto::Credentials* credentials) {
  credentials->set_uid(caller.uid);
  credentials->set_gid(caller.gid);
  if (caller.groups == nullptr) return;
  credentials->mutable_groups()->Add(caller.groups->begin(), caller.groups->end());
}

}  // namespace

void MetadataClient::UseSession(SessionId session) {
  auto numbering = std::make_shared<Numbering>();
  numbering->session = session;
  opens_.UseSession(session);
  MutexLock lock(&mutex_);
  numbering_ = std::move(numbering);
}

SessionId MetadataClient::session() const {
  MutexLock lock(&mutex_);
  return numbering_->session;
}

absl::Status MetadataClient::CallOnce(proto::MetadataMethod method,
                                      const google::protobuf::MessageLite& request,
                                      Payloads payloads, google::protobuf::MessageLite* reply,
                                      Millis timeout) {
  wire::CallSpec spec;
  spec.method = static_cast<uint16_t>(method);
  spec.request = &request;
  spec.reply = reply;
  spec.timeout = timeout;
  const iovec send{const_cast<char*>(payloads.send.data()), payloads.send.size()};
  if (!payloads.send.empty()) spec.payload = {&send, 1};
  wire::Buffer buffer;
  iovec receive{};
  if (payloads.receive != nullptr) {
    buffer = wire::Buffer(kLargestInlineMaxBytes);
    receive = {buffer.data(), buffer.size()};
    spec.receive = {&receive, 1};
  }
  WEFT_ASSIGN_OR_RETURN(const size_t received, channel_->Call(spec));
  if (payloads.receive != nullptr) {
    payloads.receive->assign(reinterpret_cast<const char*>(buffer.data()), received);
  }
  return absl::OkStatus();
}

absl::Status MetadataClient::CallUntilAnswered(proto::MetadataMethod method,
                                               const google::protobuf::MessageLite& request,
                                               Payloads payloads,
                                               google::protobuf::MessageLite* reply,
                                               bool* maybe_done) {
  wire::Backoff backoff(timeout_->Deadline());
  for (bool first = true;; first = false) {
    const Millis timeout = std::min(kTryTimeout, backoff.Left());
    const absl::Status status = CallOnce(method, request, payloads, reply, timeout);
    // ETIMEDOUT: the server waits for another one in vain; repeating waits again.
    if (!IsTransport(status) && ErrnoOf(status) != ETIMEDOUT) return status;
    *maybe_done = true;
    if (first) spdlog::debug("{}: {}; trying again", channel_->address(), MessageOf(status));
    if (!backoff.Wait()) {
      return PosixError(
          EIO, "metadata-server " + channel_->address() + " does not answer: " + MessageOf(status));
    }
    reply->Clear();
  }
}

template <typename Reply, typename Request>
absl::StatusOr<Reply> MetadataClient::Ask(proto::MetadataMethod method, const Request& request,
                                          Payloads payloads) {
  Reply reply;
  bool maybe_done = false;
  WEFT_RETURN_IF_ERROR(CallUntilAnswered(method, request, payloads, &reply, &maybe_done));
  return reply;
}

template <typename Request>
SequenceTracker::Numbers MetadataClient::Begin(Numbering* numbering) {
  if constexpr (kOpens<Request> || kCloses<Request>) {
    return opens_.Begin(numbering->session, &numbering->tracker);
  } else {
    return numbering->tracker.Take();
  }
}

template <typename Request, typename Reply>
void MetadataClient::End(Numbering* numbering, const Request& request, const Reply* reply,
                         bool again) {
  const uint64_t sequence = request.mutation().sequence();
  if constexpr (kOpens<Request>) {
    if (reply != nullptr) {
      opens_.Opened(numbering->session, sequence, InodeId(reply->attr().inode_id()),
                    request.for_writing());
    } else {
      opens_.End(numbering->session, sequence);
    }
  } else if constexpr (kCloses<Request>) {
    // Also where it failed: nobody here has it open any more.
    if (!again) {
      opens_.Closed(numbering->session, sequence, InodeId(request.inode_id()),
                    request.for_writing());
    } else {
      opens_.End(numbering->session, sequence);
    }
  }
  numbering->tracker.Done(sequence);
}

template <typename Reply, typename Request>
absl::StatusOr<Reply> MetadataClient::Change(proto::MetadataMethod method, const Caller& caller,
                                             Request request, Payloads payloads) {
  proto::Mutation* mutation = request.mutable_mutation();
  SetCredentials(caller, mutation->mutable_credentials());
  for (int renewals = 0;; ++renewals) {
    std::shared_ptr<Numbering> numbering;
    {
      MutexLock lock(&mutex_);
      numbering = numbering_;
    }
    const SequenceTracker::Numbers numbers = Begin<Request>(numbering.get());
    mutation->set_session_id(numbering->session.value());
    mutation->set_sequence(numbers.sequence);
    mutation->set_acknowledged(numbers.acknowledged);
    Reply reply;
    bool maybe_done = false;
    absl::Status status = CallUntilAnswered(method, request, payloads, &reply, &maybe_done);
    const bool lost = ErrnoOf(status) == ESHUTDOWN;
    bool again = lost && renewals < kMaxRenewals && (kCloses<Request> || !maybe_done);
    if (again) {
      const absl::Status renewed = renew_(numbering->session);
      again = renewed.ok() && !kBringsBytes<Request>;
      if (!renewed.ok()) status = renewed;
    } else if (lost && !kBringsBytes<Request>) {
      status = PosixError(EIO, "the session was lost: " + MessageOf(status));
    }
    End(numbering.get(), request, status.ok() ? &reply : nullptr, again);
    if (status.ok()) return reply;
    if (!again) return status;
  }
}

absl::StatusOr<proto::OpenSessionReply> MetadataClient::OpenSession(
    const proto::OpenSessionRequest& request, Millis timeout) {
  proto::OpenSessionReply reply;
  WEFT_RETURN_IF_ERROR(CallOnce(proto::OPEN_SESSION, request, kNoPayload, &reply, timeout));
  return reply;
}

absl::StatusOr<proto::CloseSessionReply> MetadataClient::CloseSession(SessionId session,
                                                                      Millis timeout) {
  proto::CloseSessionRequest request;
  request.set_session_id(session.value());
  proto::CloseSessionReply reply;
  WEFT_RETURN_IF_ERROR(CallOnce(proto::CLOSE_SESSION, request, kNoPayload, &reply, timeout));
  return reply;
}

absl::StatusOr<proto::ClusterMap> MetadataClient::GetClusterMap(MapEpoch known, Millis timeout) {
  proto::GetClusterMapRequest request;
  request.set_known_epoch(known.value());
  proto::ClusterMap reply;
  WEFT_RETURN_IF_ERROR(CallOnce(proto::GET_CLUSTER_MAP, request, kNoPayload, &reply, timeout));
  return reply;
}

absl::StatusOr<proto::GetAttrReply> MetadataClient::GetAttrOnce(InodeId inode, Millis timeout) {
  proto::GetAttrReply reply;
  WEFT_RETURN_IF_ERROR(CallOnce(proto::GET_ATTR, OfInode<proto::GetAttrRequest>(inode), kNoPayload,
                                &reply, timeout));
  return reply;
}

absl::StatusOr<proto::LookupReply> MetadataClient::Lookup(const Caller& caller,
                                                          proto::LookupRequest request) {
  SetCredentials(caller, request.mutable_credentials());
  return Ask<proto::LookupReply>(proto::LOOKUP, request);
}
absl::StatusOr<proto::GetAttrReply> MetadataClient::GetAttr(InodeId inode) {
  return Ask<proto::GetAttrReply>(proto::GET_ATTR, OfInode<proto::GetAttrRequest>(inode));
}
absl::StatusOr<proto::SetAttrReply> MetadataClient::SetAttr(Caller caller,
                                                            proto::SetAttrRequest request) {
  return Change<proto::SetAttrReply>(proto::SET_ATTR, caller, std::move(request));
}
absl::StatusOr<proto::MakeNodeReply> MetadataClient::MakeNode(Caller caller,
                                                              proto::MakeNodeRequest request) {
  return Change<proto::MakeNodeReply>(proto::MAKE_NODE, caller, std::move(request));
}
absl::StatusOr<proto::LinkReply> MetadataClient::Link(Caller caller, proto::LinkRequest request) {
  return Change<proto::LinkReply>(proto::LINK, caller, std::move(request));
}
absl::StatusOr<proto::UnlinkReply> MetadataClient::Unlink(Caller caller,
                                                          proto::UnlinkRequest request) {
  return Change<proto::UnlinkReply>(proto::UNLINK, caller, std::move(request));
}
absl::StatusOr<proto::RmdirReply> MetadataClient::Rmdir(Caller caller,
                                                        proto::RmdirRequest request) {
  return Change<proto::RmdirReply>(proto::RMDIR, caller, std::move(request));
}
absl::StatusOr<proto::RenameReply> MetadataClient::Rename(Caller caller,
                                                          proto::RenameRequest request) {
  return Change<proto::RenameReply>(proto::RENAME, caller, std::move(request));
}
absl::StatusOr<proto::ReadLinkReply> MetadataClient::ReadLink(InodeId inode,
                                                              proto::AtimePolicy atime) {
  auto request = OfInode<proto::ReadLinkRequest>(inode);
  request.set_atime(atime);
  return Ask<proto::ReadLinkReply>(proto::READ_LINK, request);
}
absl::StatusOr<proto::ReadDirReply> MetadataClient::ReadDir(const Caller& caller,
                                                            proto::ReadDirRequest request) {
  SetCredentials(caller, request.mutable_credentials());
  return Ask<proto::ReadDirReply>(proto::READ_DIR, request);
}

absl::StatusOr<proto::CreateReply> MetadataClient::Create(Caller caller,
                                                          proto::CreateRequest request,
                                                          std::string* content) {
  return Change<proto::CreateReply>(proto::CREATE, caller, std::move(request), {{}, content});
}
absl::StatusOr<proto::OpenReply> MetadataClient::Open(Caller caller, proto::OpenRequest request,
                                                      std::string* content) {
  return Change<proto::OpenReply>(proto::OPEN, caller, std::move(request), {{}, content});
}
absl::StatusOr<proto::CloseReply> MetadataClient::Close(proto::CloseRequest request) {
  return Change<proto::CloseReply>(proto::CLOSE, {}, std::move(request));
}
absl::StatusOr<proto::ReadInlineReply> MetadataClient::ReadInline(InodeId inode,
                                                                  std::string* content) {
  auto request = OfInode<proto::ReadInlineRequest>(inode);
  request.set_session_id(session().value());
  return Ask<proto::ReadInlineReply>(proto::READ_INLINE, request, {{}, content});
}
absl::StatusOr<proto::AppendReply> MetadataClient::Append(proto::AppendRequest request,
                                                          std::string_view data) {
  return Change<proto::AppendReply>(proto::APPEND, {}, std::move(request), {.send = data});
}
absl::StatusOr<proto::WriteInlineReply> MetadataClient::WriteInline(
    proto::WriteInlineRequest request, std::string_view data) {
  return Change<proto::WriteInlineReply>(proto::WRITE_INLINE, {}, std::move(request),
                                         {data, nullptr});
}
absl::StatusOr<proto::BeginMoveReply> MetadataClient::BeginMove(InodeId inode) {
  return Change<proto::BeginMoveReply>(proto::BEGIN_MOVE, {},
                                       OfInode<proto::BeginMoveRequest>(inode));
}
absl::StatusOr<proto::CommitWriteReply> MetadataClient::CommitWrite(
    proto::CommitWriteRequest request) {
  return Change<proto::CommitWriteReply>(proto::COMMIT_WRITE, {}, std::move(request));
}
absl::StatusOr<proto::SyncReply> MetadataClient::Sync() {
  return Ask<proto::SyncReply>(proto::SYNC, proto::SyncRequest());
}

absl::StatusOr<proto::GetLockReply> MetadataClient::GetLock(proto::GetLockRequest request) {
  request.set_session_id(session().value());
  return Ask<proto::GetLockReply>(proto::GET_LOCK, request);
}
absl::StatusOr<proto::SetLockReply> MetadataClient::SetLock(proto::SetLockRequest request) {
  return Change<proto::SetLockReply>(proto::SET_LOCK, {}, std::move(request));
}
absl::StatusOr<proto::CancelLockReply> MetadataClient::CancelLock(
    proto::CancelLockRequest request) {
  return Change<proto::CancelLockReply>(proto::CANCEL_LOCK, {}, std::move(request));
}
absl::StatusOr<proto::ReleaseLocksReply> MetadataClient::ReleaseLocks(
    proto::ReleaseLocksRequest request) {
  return Change<proto::ReleaseLocksReply>(proto::RELEASE_LOCKS, {}, std::move(request));
}

absl::StatusOr<proto::StatFsReply> MetadataClient::StatFs(InodeId inode) {
  return Ask<proto::StatFsReply>(proto::STAT_FS, OfInode<proto::StatFsRequest>(inode));
}
absl::StatusOr<proto::GetXattrReply> MetadataClient::GetXattr(const Caller& caller,
                                                              proto::GetXattrRequest request) {
  SetCredentials(caller, request.mutable_credentials());
  return Ask<proto::GetXattrReply>(proto::GET_XATTR, request);
}
absl::StatusOr<proto::SetXattrReply> MetadataClient::SetXattr(Caller caller,
                                                              proto::SetXattrRequest request) {
  return Change<proto::SetXattrReply>(proto::SET_XATTR, caller, std::move(request));
}
absl::StatusOr<proto::ListXattrReply> MetadataClient::ListXattr(const Caller& caller,
                                                                InodeId inode) {
  auto request = OfInode<proto::ListXattrRequest>(inode);
  SetCredentials(caller, request.mutable_credentials());
  return Ask<proto::ListXattrReply>(proto::LIST_XATTR, request);
}
absl::StatusOr<proto::RemoveXattrReply> MetadataClient::RemoveXattr(
    Caller caller, proto::RemoveXattrRequest request) {
  return Change<proto::RemoveXattrReply>(proto::REMOVE_XATTR, caller, std::move(request));
}
absl::StatusOr<proto::GetLayoutReply> MetadataClient::GetLayout(InodeId inode) {
  return Ask<proto::GetLayoutReply>(proto::GET_LAYOUT, OfInode<proto::GetLayoutRequest>(inode));
}
absl::StatusOr<proto::SetLayoutReply> MetadataClient::SetLayout(Caller caller,
                                                                proto::SetLayoutRequest request) {
  return Change<proto::SetLayoutReply>(proto::SET_LAYOUT, caller, std::move(request));
}
absl::StatusOr<proto::GetPathReply> MetadataClient::GetPath(InodeId inode) {
  return Ask<proto::GetPathReply>(proto::GET_PATH, OfInode<proto::GetPathRequest>(inode));
}
absl::StatusOr<proto::GetQuotaReply> MetadataClient::GetQuota(InodeId inode) {
  return Ask<proto::GetQuotaReply>(proto::GET_QUOTA, OfInode<proto::GetQuotaRequest>(inode));
}
absl::StatusOr<proto::SetQuotaReply> MetadataClient::SetQuota(Caller caller,
                                                              proto::SetQuotaRequest request) {
  return Change<proto::SetQuotaReply>(proto::SET_QUOTA, caller, std::move(request));
}
absl::StatusOr<proto::RemoveQuotaReply> MetadataClient::RemoveQuota(
    Caller caller, proto::RemoveQuotaRequest request) {
  return Change<proto::RemoveQuotaReply>(proto::REMOVE_QUOTA, caller, std::move(request));
}
absl::StatusOr<proto::ListQuotasReply> MetadataClient::ListQuotas(
    const proto::ListQuotasRequest& request) {
  return Ask<proto::ListQuotasReply>(proto::LIST_QUOTAS, request);
}

}  // namespace weft::client
