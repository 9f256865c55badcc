// The namespace: directories, inodes, inline content, extended attributes, open files. POSIX
// semantics on top of a KvStore.
//
// It takes the requests of proto/metadata.proto and gives their replies; one file in ops/ for each.
// It does not know of connections, storage-servers or TTLs. It checks what a request's credentials
// permit (access.h), with the inode's lock or of one consistent row: EACCES, EPERM. Every mutation
// is one batch, together with its kept reply, so that a repeated (session, sequence) gets the first
// answer, also while the first is still being executed and after a restart. Errors are PosixErrors
// with the errno that the Linux manual pages name; a refused mutation has changed nothing, but for
// SetAttr (see there). ESTALE: the request names an inode that is gone; ESTALE, too: a late
// repetition of a request whose reply the client has. Thread-safe: operations lock the inodes that
// they change (InodeLocks, in the order of ids) and no lock is held while a client is waited for.
//
// Inline files: the stored bytes may be shorter than the file's size; what is missing reads as
// zeros. Payloads are filled up with zeros to the size, but not beyond Content.inline_max_bytes: an
// inline file that was extended past that (by SetAttr) keeps its bytes here until a client moves it
// to chunks, and an empty one becomes a file in chunks (all hole) right then.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/cluster_map/group_set.h"
#include "common/ids.h"
#include "metadata-server/store/kv_store.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

// How long a call tries to reach storage-servers that are away. kWait: for a bounded time, since
// somebody waits for the answer. kOneTry: nobody does, and locks are held: servers known to be
// offline are not even asked, the others once.
enum class Patience { kWait, kOneTry };

// What the storage-servers have of a content.
struct StoredContent {
  uint64_t end_bytes = 0;  // where the chunks end: the size of the file as far as they tell
  uint64_t used_bytes = 0;
};

// Content on the storage-servers, as the namespace needs it. Implemented in reclaim/. Thread-safe.
class ContentService {
 public:
  virtual ~ContentService() = default;
  // Cuts the chunks of `content` at size_bytes with content.cut(); done and durable on every target
  // when it returns OK. Syncs the store first: the shrink must not be lost with the power while
  // bytes are cut already.
  [[nodiscard]] virtual absl::Status Truncate(const proto::Content& content, uint64_t size_bytes,
                                              Patience patience) = 0;
  [[nodiscard]] virtual absl::StatusOr<StoredContent> End(const proto::Content& content,
                                                          Patience patience) = 0;
  // There are new rows in Family::kReclaim. Does not block.
  virtual void WakeReclaim() = 0;
  // The group set of the pool that new content goes to: the newest. Does not block.
  [[nodiscard]] virtual GroupSet SetForNewContent(PoolId pool) = 0;
};

// Of bytes and of inodes; nothing where no quota limits them.
struct QuotaSpace {
  struct Figures {
    uint64_t used = 0;  // in the nearest quota that limits them
    uint64_t left = 0;  // in that one of all quotas above that has least left
  };
  std::optional<Figures> bytes;
  std::optional<Figures> inodes;
};

class Namespace {
 public:
  struct Options {
    std::chrono::milliseconds reclaim_grace{15'000};  // after a start, orphans are kept this long
    // Where new contents of a pool go (AssignGroupSet puts it into the Content). Called before the
    // batch that has the new content is committed, maybe with inode locks held; cheap.
    std::function<GroupSet(PoolId)> newest_group_set = [](PoolId) { return GroupSet{}; };
  };

  // Loads or creates (root directory, id ranges) what is in `store`. All pointers must outlive it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Namespace>> Open(Options options,
                                                                       KvStore* store, Clock* clock,
                                                                       ContentService* content);
  virtual ~Namespace() = default;

  // ---- Names and attributes. `payload` gets the inline content where the request asks for it.
  // ----
  virtual absl::StatusOr<proto::LookupReply> Lookup(const proto::LookupRequest& request,
                                                    std::string* payload) = 0;
  virtual absl::StatusOr<proto::GetAttrReply> GetAttr(const proto::GetAttrRequest& request) = 0;
  // ETIMEDOUT: the new size is set, but a storage-server has not cut its chunks yet. The same
  // request repeated waits for it again; Tick finishes it, too.
  virtual absl::StatusOr<proto::SetAttrReply> SetAttr(const proto::SetAttrRequest& request) = 0;
  virtual absl::StatusOr<proto::MakeNodeReply> MakeNode(const proto::MakeNodeRequest& request) = 0;
  virtual absl::StatusOr<proto::LinkReply> Link(const proto::LinkRequest& request) = 0;
  virtual absl::StatusOr<proto::UnlinkReply> Unlink(const proto::UnlinkRequest& request) = 0;
  virtual absl::StatusOr<proto::RmdirReply> Rmdir(const proto::RmdirRequest& request) = 0;
  virtual absl::StatusOr<proto::RenameReply> Rename(const proto::RenameRequest& request) = 0;
  virtual absl::StatusOr<proto::ReadLinkReply> ReadLink(const proto::ReadLinkRequest& request) = 0;
  virtual absl::StatusOr<proto::ReadDirReply> ReadDir(const proto::ReadDirRequest& request) = 0;

  // ---- Open files and content ----
  virtual absl::StatusOr<proto::CreateReply> Create(const proto::CreateRequest& request,
                                                    std::string* payload) = 0;
  virtual absl::StatusOr<proto::OpenReply> Open(const proto::OpenRequest& request,
                                                std::string* payload) = 0;
  virtual absl::StatusOr<proto::CloseReply> Close(const proto::CloseRequest& request) = 0;
  virtual absl::StatusOr<proto::ReadInlineReply> ReadInline(const proto::ReadInlineRequest& request,
                                                            std::string* payload) = 0;
  virtual absl::StatusOr<proto::AppendReply> Append(const proto::AppendRequest& request,
                                                    std::string_view data) = 0;
  virtual absl::StatusOr<proto::WriteInlineReply> WriteInline(
      const proto::WriteInlineRequest& request, std::string_view data) = 0;
  virtual absl::StatusOr<proto::BeginMoveReply> BeginMove(
      const proto::BeginMoveRequest& request) = 0;
  // ETIMEDOUT: an earlier shrink is not finished, and the file may not grow before. Repeat it.
  virtual absl::StatusOr<proto::CommitWriteReply> CommitWrite(
      const proto::CommitWriteRequest& request) = 0;

  // ---- Extended attributes ----
  virtual absl::StatusOr<proto::GetXattrReply> GetXattr(const proto::GetXattrRequest& request) = 0;
  virtual absl::StatusOr<proto::SetXattrReply> SetXattr(const proto::SetXattrRequest& request) = 0;
  virtual absl::StatusOr<proto::ListXattrReply> ListXattr(
      const proto::ListXattrRequest& request) = 0;
  virtual absl::StatusOr<proto::RemoveXattrReply> RemoveXattr(
      const proto::RemoveXattrRequest& request) = 0;

  // ---- Administration ----
  virtual absl::StatusOr<proto::GetLayoutReply> GetLayout(
      const proto::GetLayoutRequest& request) = 0;
  virtual absl::StatusOr<proto::SetLayoutReply> SetLayout(
      const proto::SetLayoutRequest& request) = 0;
  virtual absl::StatusOr<proto::GetPathReply> GetPath(const proto::GetPathRequest& request) = 0;
  virtual absl::StatusOr<proto::GetQuotaReply> GetQuota(const proto::GetQuotaRequest& request) = 0;
  virtual absl::StatusOr<proto::SetQuotaReply> SetQuota(const proto::SetQuotaRequest& request) = 0;
  virtual absl::StatusOr<proto::RemoveQuotaReply> RemoveQuota(
      const proto::RemoveQuotaRequest& request) = 0;
  virtual absl::StatusOr<proto::ListQuotasReply> ListQuotas(
      const proto::ListQuotasRequest& request) = 0;
  // What the quotas above an inode say of space; nothing where it has none, or is gone.
  [[nodiscard]] virtual QuotaSpace SpaceOf(InodeId inode) = 0;

  // ---- For sessions/ ----
  // A session says what it has open. Returns those that are gone. May be repeated: the first report
  // to this process counts.
  virtual std::vector<InodeId> ReportOpens(const proto::KeepAliveRequest& report) = 0;
  // The session has ended: its opens are closed (sizes of files that it had open for writing are
  // settled from the chunks), its kept replies forgotten. No request of the session is being
  // executed or comes later. Where a size cannot be settled now, that file stays open and the
  // replies are kept, and the error says why: call it again.
  virtual absl::Status EndSession(SessionId session) = 0;
  // Call now and then: once the grace after the start is over, orphans that nobody reported open
  // are reclaimed, and unfinished cuts are finished.
  virtual absl::Status Tick() = 0;
  // Call now and then, from one thread: goes on giving inodes their quota, for some `max_names`
  // names. False: there is nothing to do now.
  virtual absl::StatusOr<bool> WalkQuotas(size_t max_names) = 0;

  [[nodiscard]] virtual uint32_t OpenFileCount(SessionId session) const = 0;
  [[nodiscard]] virtual uint64_t InodeCount() const = 0;
};

}  // namespace weft::metadata
