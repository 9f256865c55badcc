#include "metadata-server/service/lock_handler.h"

#include <cerrno>
#include <string>

#include "common/status.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

bool LockHandler::Handles(uint16_t method) {
  return method == proto::GET_LOCK || method == proto::SET_LOCK || method == proto::CANCEL_LOCK ||
         method == proto::RELEASE_LOCKS;
}

absl::Status LockHandler::Handle(const wire::Request& request, wire::Responder& responder) {
  switch (request.method) {
    case proto::GET_LOCK:
      return Get(request, responder);
    case proto::SET_LOCK:
      return Change(&SessionLocks::Set, request, responder);
    case proto::CANCEL_LOCK:
      return Change(&SessionLocks::Cancel, request, responder);
    case proto::RELEASE_LOCKS:
      return Change(&SessionLocks::Release, request, responder);
    default:
      return PosixError(EOPNOTSUPP,
                        "method " + std::to_string(request.method) + " is not of locks");
  }
}

template <typename Request, typename Reply>
absl::Status LockHandler::Change(absl::StatusOr<Reply> (SessionLocks::*method)(const Request&),
                                 const wire::Request& request, wire::Responder& responder) {
  Request message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  Reply reply;
  {
    // Over before the reply is sent: who has the reply may close the session at once.
    WEFT_ASSIGN_OR_RETURN(const SessionTable::Use use,
                          sessions_->Begin(SessionId(message.mutation().session_id())));
    WEFT_ASSIGN_OR_RETURN(reply, (locks_->*method)(message));
  }
  reply.set_server_start(server_start_);
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status LockHandler::Get(const wire::Request& request, wire::Responder& responder) {
  proto::GetLockRequest message;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &message));
  WEFT_ASSIGN_OR_RETURN(const proto::GetLockReply reply, locks_->Get(message));
  responder.Ok(reply);
  return absl::OkStatus();
}

}  // namespace weft::metadata
