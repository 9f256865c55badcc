#include "metadata-server/service/metadata_handler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <concepts>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "common/version.h"

namespace weft::metadata {
namespace {

// Errors that say something of this server, not of the request.
bool IsOurs(int error) { return error == EIO || error == EROFS || error == EUCLEAN; }

void LogFailure(const wire::Request& request, const absl::Status& status) {
  const auto level = IsOurs(ErrnoOf(status)) ? spdlog::level::warn : spdlog::level::debug;
  if (!spdlog::should_log(level)) return;
  std::string method = proto::MetadataMethod_Name(static_cast<int>(request.method));
  if (method.empty()) method = "method " + std::to_string(request.method);
  spdlog::log(level, "req={} {} from {}: {}", request.request_id, method,
              request.peer == nullptr ? "?" : request.peer->name, MessageOf(status));
}

iovec AsIovec(const std::string& bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

template <typename Request>
concept IsMutation = requires(const Request& request) {
  request.mutation();
};

template <typename Request>
concept HasCredentials = requires(Request& request) {
  request.mutable_credentials();
};

// What a session that may only read is allowed of the requests that carry a Mutation.
template <typename Request>
bool ChangesSomething(const Request& request) {
  if constexpr (std::same_as<Request, proto::OpenRequest>) {
    return request.for_writing() || request.truncate();
  } else {
    return !std::same_as<Request, proto::CloseRequest>;
  }
}

// A client that may only read leaves no access times either.
template <typename Request>
void DropAccessTime(Request* request) {
  if constexpr (std::same_as<Request, proto::CloseRequest>) {
    request->clear_atime_ns();
  } else if constexpr (requires { request->clear_atime(); }) {
    request->clear_atime();
  }
}

// Carries out a request within the session that it names; one that changes nothing needs none. The
// use of the session is over before the reply is sent: who has the reply may close the session at
// once.
template <typename Request, typename Operation>
auto InSession(SessionTable* sessions, const Request& request, const Operation& operation)
    -> decltype(operation()) {
  if constexpr (IsMutation<Request>) {
    WEFT_ASSIGN_OR_RETURN(const SessionTable::Use use,
                          sessions->Begin(SessionId(request.mutation().session_id())));
    return operation();
  } else {
    return operation();
  }
}

// What quotas leave, in place of the whole file system; never more than that has.
void Narrow(const QuotaSpace& quotas, proto::StatFsReply* reply) {
  if (quotas.bytes) {
    reply->set_free_bytes(std::min(reply->free_bytes(), quotas.bytes->left));
    reply->set_capacity_bytes(quotas.bytes->used + reply->free_bytes());
  }
  if (quotas.inodes) {
    reply->set_inodes_free(std::min(reply->inodes_free(), quotas.inodes->left));
    reply->set_inodes_used(quotas.inodes->used);
  }
}

}  // namespace

MetadataHandler::MetadataHandler(ServerFacts facts, ClientRules rules, Namespace* names,
                                 SessionTable* sessions, SessionLocks* locks, KvStore* store,
                                 Membership* membership)
    : facts_(std::move(facts)),
      rules_(std::move(rules)),
      names_(names),
      sessions_(sessions),
      locks_(locks),
      lock_handler_(facts_.server_start, locks, sessions),
      store_(store),
      membership_(membership) {}

std::shared_ptr<const ClusterMap> MetadataHandler::CurrentMap() const {
  return membership_->publisher().Current();
}

void MetadataHandler::Handle(const wire::Request& request, wire::Responder& responder) {
  const absl::Status status = Dispatch(request, responder);
  if (status.ok()) return;
  LogFailure(request, status);
  responder.Error(status);
}

template <typename Request>
absl::Status MetadataHandler::Parse(const wire::Request& request, Request* message) const {
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, message));
  if (rules_.IsReadOnly(request.peer)) DropAccessTime(message);
  if constexpr (IsMutation<Request>) {
    return rules_.Apply(request.peer, message->mutable_mutation()->mutable_credentials());
  } else if constexpr (HasCredentials<Request>) {
    return rules_.Apply(request.peer, message->mutable_credentials());
  }
  return absl::OkStatus();
}

template <typename Request>
bool MetadataHandler::Refuses(const wire::Request& request, const Request& message,
                              wire::Responder& responder) const {
  if constexpr (IsMutation<Request>) {
    const bool may_only_read = rules_.IsReadOnly(request.peer) ||
                               sessions_->IsReadOnly(SessionId(message.mutation().session_id()));
    if (may_only_read && ChangesSomething(message)) {
      // Not through Handle, which would log it as a fault of the store.
      responder.Error(PosixError(EROFS, "this client may only read"));
      return true;
    }
  }
  return false;
}

template <typename Request, typename Reply>
absl::Status MetadataHandler::ForwardPayload(
    absl::StatusOr<Reply> (Namespace::*method)(const Request&, std::string_view),
    const wire::Request& request, wire::Responder& responder) {
  Request message;
  WEFT_RETURN_IF_ERROR(Parse(request, &message));
  if (Refuses(request, message, responder)) return absl::OkStatus();
  const std::string_view data(reinterpret_cast<const char*>(request.payload.data()),
                              request.payload.size());
  WEFT_ASSIGN_OR_RETURN(const Reply reply, InSession(sessions_, message, [&] {
                          return (names_->*method)(message, data);
                        }));
  responder.Ok(reply);
  return absl::OkStatus();
}

template <typename Request, typename Reply>
absl::Status MetadataHandler::Forward(absl::StatusOr<Reply> (Namespace::*method)(const Request&),
                                      const wire::Request& request, wire::Responder& responder) {
  Request message;
  WEFT_RETURN_IF_ERROR(Parse(request, &message));
  if (Refuses(request, message, responder)) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const Reply reply,
                        InSession(sessions_, message, [&] { return (names_->*method)(message); }));
  responder.Ok(reply);
  return absl::OkStatus();
}

template <typename Request, typename Reply>
absl::Status MetadataHandler::Forward(absl::StatusOr<Reply> (Namespace::*method)(const Request&,
                                                                                 std::string*),
                                      const wire::Request& request, wire::Responder& responder) {
  Request message;
  WEFT_RETURN_IF_ERROR(Parse(request, &message));
  if (Refuses(request, message, responder)) return absl::OkStatus();
  std::string content;
  WEFT_ASSIGN_OR_RETURN(const Reply reply, InSession(sessions_, message, [&] {
                          return (names_->*method)(message, &content);
                        }));
  const iovec payload = AsIovec(content);
  responder.Ok(reply, std::span(&payload, content.empty() ? 0 : 1));
  return absl::OkStatus();
}

absl::Status MetadataHandler::Dispatch(const wire::Request& request, wire::Responder& responder) {
  if (LockHandler::Handles(request.method)) return lock_handler_.Handle(request, responder);
  switch (request.method) {
    case proto::OPEN_SESSION:
      return OpenSession(request, responder);
    case proto::KEEP_ALIVE:
      return KeepAlive(request, responder);
    case proto::CLOSE_SESSION:
      return CloseSession(request, responder);
    case proto::GET_CLUSTER_MAP:
      return GetClusterMap(request, responder);
    case proto::GET_SERVER_INFO:
      return GetServerInfo(request, responder);
    case proto::SYNC:
      return Sync(request, responder);
    case proto::STAT_FS:
      return StatFs(request, responder);
    default:
      return DispatchNames(request, responder);
  }
}

absl::Status MetadataHandler::DispatchNames(const wire::Request& request,
                                            wire::Responder& responder) {
  switch (request.method) {
    case proto::LOOKUP:
      return Forward(&Namespace::Lookup, request, responder);
    case proto::GET_ATTR:
      return Forward(&Namespace::GetAttr, request, responder);
    case proto::SET_ATTR:
      return Forward(&Namespace::SetAttr, request, responder);
    case proto::MAKE_NODE:
      return Forward(&Namespace::MakeNode, request, responder);
    case proto::LINK:
      return Forward(&Namespace::Link, request, responder);
    case proto::UNLINK:
      return Forward(&Namespace::Unlink, request, responder);
    case proto::RMDIR:
      return Forward(&Namespace::Rmdir, request, responder);
    case proto::RENAME:
      return Forward(&Namespace::Rename, request, responder);
    case proto::READ_LINK:
      return Forward(&Namespace::ReadLink, request, responder);
    case proto::READ_DIR:
      return Forward(&Namespace::ReadDir, request, responder);
    case proto::GET_LAYOUT:
      return Forward(&Namespace::GetLayout, request, responder);
    case proto::SET_LAYOUT:
      return Forward(&Namespace::SetLayout, request, responder);
    case proto::GET_PATH:
      return Forward(&Namespace::GetPath, request, responder);
    default:
      return DispatchContent(request, responder);
  }
}

absl::Status MetadataHandler::DispatchContent(const wire::Request& request,
                                              wire::Responder& responder) {
  switch (request.method) {
    case proto::CREATE:
      return Forward(&Namespace::Create, request, responder);
    case proto::OPEN:
      return Forward(&Namespace::Open, request, responder);
    case proto::CLOSE:
      return Forward(&Namespace::Close, request, responder);
    case proto::READ_INLINE:
      return Forward(&Namespace::ReadInline, request, responder);
    case proto::WRITE_INLINE:
      return ForwardPayload(&Namespace::WriteInline, request, responder);
    case proto::APPEND:
      return ForwardPayload(&Namespace::Append, request, responder);
    case proto::BEGIN_MOVE:
      return Forward(&Namespace::BeginMove, request, responder);
    case proto::COMMIT_WRITE:
      return Forward(&Namespace::CommitWrite, request, responder);
    case proto::GET_XATTR:
      return Forward(&Namespace::GetXattr, request, responder);
    case proto::SET_XATTR:
      return Forward(&Namespace::SetXattr, request, responder);
    case proto::LIST_XATTR:
      return Forward(&Namespace::ListXattr, request, responder);
    case proto::REMOVE_XATTR:
      return Forward(&Namespace::RemoveXattr, request, responder);
    default:
      return DispatchQuotas(request, responder);
  }
}

absl::Status MetadataHandler::DispatchQuotas(const wire::Request& request,
                                             wire::Responder& responder) {
  switch (request.method) {
    case proto::GET_QUOTA:
      return Forward(&Namespace::GetQuota, request, responder);
    case proto::SET_QUOTA:
      return Forward(&Namespace::SetQuota, request, responder);
    case proto::REMOVE_QUOTA:
      return Forward(&Namespace::RemoveQuota, request, responder);
    case proto::LIST_QUOTAS:
      return Forward(&Namespace::ListQuotas, request, responder);
    default:
      return PosixError(EOPNOTSUPP,
                        "a metadata-server has no method " + std::to_string(request.method));
  }
}

absl::Status MetadataHandler::OpenSession(const wire::Request& request,
                                          wire::Responder& responder) {
  proto::OpenSessionRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  if (message.client_uuid().empty()) return PosixError(EINVAL, "a session needs a client_uuid");
  WEFT_ASSIGN_OR_RETURN(const SessionId session, sessions_->Open(message));
  spdlog::info("session {} opened by {}:{}", session.value(), message.host(),
               message.mount_point());
  proto::OpenSessionReply reply;
  reply.set_session_id(session.value());
  reply.set_ttl_ms(static_cast<uint32_t>(facts_.session_ttl.count()));
  reply.set_cluster_id(facts_.cluster_id);
  reply.set_root_inode_id(kRootInode.value());
  reply.set_server_start(facts_.server_start);
  reply.set_map_epoch(CurrentMap()->epoch().value());
  reply.set_durability_id(store_->durability_id());
  reply.set_control_address(facts_.control_address());
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status MetadataHandler::KeepAlive(const wire::Request& request, wire::Responder& responder) {
  proto::KeepAliveRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  const SessionId session(message.session_id());
  proto::KeepAliveReply reply;
  {
    WEFT_ASSIGN_OR_RETURN(const SessionTable::Use use, sessions_->Begin(session));
    if (message.reports_opens()) {
      for (const InodeId lost : names_->ReportOpens(message)) reply.add_lost_inodes(lost.value());
    }
    if (message.has_lock_report()) {
      for (proto::FileLock& lost : locks_->Report(session, message.lock_report())) {
        *reply.add_lost_locks() = std::move(lost);
      }
    }
  }
  reply.set_server_start(facts_.server_start);
  reply.set_map_epoch(CurrentMap()->epoch().value());
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status MetadataHandler::CloseSession(const wire::Request& request,
                                           wire::Responder& responder) {
  proto::CloseSessionRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  sessions_->Close(SessionId(message.session_id()));
  spdlog::info("session {} closed", message.session_id());
  responder.Ok(proto::CloseSessionReply());
  return absl::OkStatus();
}

absl::Status MetadataHandler::GetClusterMap(const wire::Request& request,
                                            wire::Responder& responder) {
  proto::GetClusterMapRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  responder.Ok(CurrentMap()->message());
  return absl::OkStatus();
}

absl::Status MetadataHandler::GetServerInfo(const wire::Request& request,
                                            wire::Responder& responder) {
  proto::GetServerInfoRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  proto::GetServerInfoReply reply;
  reply.set_control_address(facts_.control_address());
  reply.set_cluster_id(facts_.cluster_id);
  reply.set_version(kVersion);
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status MetadataHandler::Sync(const wire::Request& request, wire::Responder& responder) {
  proto::SyncRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  WEFT_RETURN_IF_ERROR(store_->Sync());
  proto::SyncReply reply;
  reply.set_durability_id(store_->durability_id());
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status MetadataHandler::StatFs(const wire::Request& request, wire::Responder& responder) {
  proto::StatFsRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  const Membership::Space space = membership_->TotalSpace();
  proto::StatFsReply reply;
  reply.set_capacity_bytes(space.capacity_bytes);
  reply.set_free_bytes(space.free_bytes);
  // The namespace has no limit of its own: a file needs a block at the most.
  reply.set_inodes_used(names_->InodeCount());
  reply.set_inodes_free(reply.free_bytes() / kBlockBytes);
  Narrow(names_->SpaceOf(InodeId(message.inode_id())), &reply);
  responder.Ok(reply);
  return absl::OkStatus();
}

}  // namespace weft::metadata
