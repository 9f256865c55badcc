// Opening and closing: counting opens, and deleting what nobody can reach any more.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/content.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/records.pb.h"
#include "metadata-server/sessions/open_files.h"

namespace weft::metadata {

struct OpenHow {
  bool for_writing = false;
  bool truncate = false;
  Want want = kWantRead;  // that the caller must be permitted
};

// Of an OpenRequest or CreateRequest.
template <typename Request>
[[nodiscard]] Want WantOf(const Request& request) {
  Want want = request.access() & kWantAll;
  if (want == 0) want = kWantRead;
  bool writes = request.for_writing();
  if constexpr (requires { request.truncate(); }) writes |= request.truncate();
  if (writes) want |= kWantWrite;
  return want;
}

[[nodiscard]] inline OpenMode ModeOf(bool for_writing) {
  return for_writing ? OpenMode::kWriting : OpenMode::kReading;
}

// One open that is counted, and not any more if this goes before Keep.
class CountedOpen {
 public:
  CountedOpen(OpenFiles& opens, const Transaction& transaction, InodeId inode, OpenMode mode)
      : opens_(opens),
        session_(transaction.session()),
        sequence_(transaction.sequence()),
        inode_(inode),
        mode_(mode),
        status_(opens.Add(session_, inode, mode, sequence_)) {}
  ~CountedOpen() {
    if (status_.ok() && !is_kept_) opens_.Remove(session_, inode_, mode_, sequence_);
  }
  CountedOpen(const CountedOpen&) = delete;
  CountedOpen& operator=(const CountedOpen&) = delete;

  [[nodiscard]] const absl::Status& status() const { return status_; }
  void Keep() { is_kept_ = true; }

 private:
  OpenFiles& opens_;
  const SessionId session_;
  const uint64_t sequence_;
  const InodeId inode_;
  const OpenMode mode_;
  const absl::Status status_;
  bool is_kept_ = false;
};

// Cuts an inode to zero where `how` says so, and tells whether it changed. EISDIR, ELOOP, EINVAL:
// it cannot be opened like that. EACCES: not by this caller. Its lock is held.
[[nodiscard]] absl::StatusOr<bool> PrepareOpen(Core& core, Transaction& transaction, OpenHow how,
                                               InodeRecord* inode);

// No other session has the inode open for writing, nor can have and did not report it yet. Its lock
// is held.
[[nodiscard]] inline bool IsSoleWriter(const Core& core, SessionId session, InodeId inode) {
  return !core.InGrace() && !core.opens.OthersWrite(session, inode);
}

// Opens an inode whose lock is held and answers with its attributes; ends the transaction.
template <typename Reply>
[[nodiscard]] absl::StatusOr<Reply> OpenLocked(Core& core, Transaction& transaction,
                                               InodeRecord inode, OpenHow how,
                                               std::string* payload) {
  WEFT_ASSIGN_OR_RETURN(const bool is_changed, PrepareOpen(core, transaction, how, &inode));
  std::string bytes;
  if (!is_changed) {
    WEFT_ASSIGN_OR_RETURN(bytes, InlinePayload(core, inode));
  }
  const InodeId id(inode.attr().inode_id());
  CountedOpen open(core.opens, transaction, id, ModeOf(how.for_writing));
  WEFT_RETURN_IF_ERROR(open.status());
  Reply reply;
  reply.set_sole_writer(how.for_writing && IsSoleWriter(core, transaction.session(), id));
  *reply.mutable_attr() = std::move(*inode.mutable_attr());
  if (is_changed) {
    WEFT_ASSIGN_OR_RETURN(reply, transaction.Commit(std::move(reply)));
  } else {
    reply = transaction.Keep(std::move(reply));
  }
  open.Keep();
  if (payload != nullptr) *payload = std::move(bytes);
  return reply;
}

// Has the session the inode open like that? Soon after a restart that is not known, and believed:
// the session may not have reported yet.
[[nodiscard]] bool HasOpen(const Core& core, SessionId session, InodeId inode, OpenMode mode);

// A regular file whose content the request wants to change. That needs no permission while the
// session has it open for writing; else EACCES where the caller may not write. EINVAL: no such
// file.
[[nodiscard]] absl::StatusOr<InodeRecord> ReadForWriting(const Core& core,
                                                         const Transaction& transaction,
                                                         InodeId id);

// Deletes an inode that has no name and is not open anywhere, nor can be any more. Nothing to do
// for others. Its lock is held.
[[nodiscard]] absl::Status DeleteIfForgotten(Core& core, InodeId inode);

}  // namespace weft::metadata
