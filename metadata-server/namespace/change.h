// Changes of rows that happen together: a Change, and the Transaction that a client's mutation is.
// Not thread-safe; whoever fills one holds the locks of the inodes that it changes until it is
// committed.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/ids.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/records.pb.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

class Change {
 public:
  explicit Change(Core& core) : now_ns_(core.clock->WallNs()), core_(core) {}
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  // The time of the change: all rows of one change get the same.
  [[nodiscard]] int64_t now_ns() const { return now_ns_; }

  // Puts the inode's row, changed: sets ctime and raises the change counter.
  void PutChanged(InodeRecord* inode);
  // The same for an inode that did not exist.
  void PutNew(const InodeRecord& inode);
  // Puts the inode's row; ctime and counter stay: what was changed is no change to applications, as
  // of the access time.
  void PutUnchanged(InodeRecord* inode) { PutInode(inode); }
  // The inode counts in this quota from now on; none: in none. The caller puts its row.
  void MoveToQuota(InodeRecord* inode, InodeId quota);
  void PutQuota(InodeId id, const QuotaRecord& record);
  // What the change adds is taken, also beyond limits.
  void IgnoreQuotaLimits() { quota_limits_ = QuotaTable::Limits::kIgnore; }
  void PutDentry(InodeId directory, std::string_view name, const InodeRecord& inode);
  void DeleteDentry(InodeId directory, std::string_view name);

  // An inode that has just lost its last name. Where it is open, or may be, its rows stay until the
  // last close; else all of it goes.
  [[nodiscard]] absl::Status DropUnnamed(InodeRecord* inode);
  // Deletes all rows of an inode; its chunks become a row in kReclaim.
  [[nodiscard]] absl::Status DeleteInode(const InodeRecord& inode);
  // Deletes the inline bytes of content that no inode has any more, or lets its chunks be
  // reclaimed.
  void DeleteContent(const proto::Content& content);
  // Lets the chunks of a content be reclaimed, also where there may only be some.
  void ReclaimChunks(const proto::Content& content);

  // Empty deletes the row.
  void PutInlineBytes(const proto::Content& content, std::string_view bytes);
  void PutXattr(InodeId inode, std::string_view name, std::string_view value);
  void DeleteXattr(InodeId inode, std::string_view name);
  void PutCut(const InodeRecord& inode);
  void DeleteCut(InodeId inode);

  // EDQUOT, naming the directory: a quota above a changed inode has not enough left.
  [[nodiscard]] absl::Status Commit();

 protected:
  Batch batch_;

 private:
  // Every row of an inode goes through here, and so every change of what it uses.
  void PutInode(InodeRecord* inode);
  [[nodiscard]] absl::Status CommitCharged();

  const int64_t now_ns_;
  Core& core_;
  int64_t inode_delta_ = 0;
  QuotaDeltas quota_deltas_;
  QuotaTable::Limits quota_limits_ = QuotaTable::Limits::kEnforce;
  bool adds_reclaim_ = false;
  // Of one inode at most each.
  InodeId unnamed_directory_;
  InodeId put_cut_;
  InodeId deleted_cut_;
};

// The Change that one request of a client makes, ended by one of Commit and Keep.
class Transaction : public Change {
 public:
  Transaction(Core& core, const proto::Mutation& mutation, KeptReplies::Execution execution)
      : Change(core), mutation_(mutation), execution_(std::move(execution)) {}

  [[nodiscard]] SessionId session() const { return SessionId(mutation_.session_id()); }
  [[nodiscard]] uint64_t sequence() const { return mutation_.sequence(); }
  [[nodiscard]] const proto::Credentials& credentials() const { return mutation_.credentials(); }

  // Commits the changes together with the reply, and returns it.
  template <typename Reply>
  [[nodiscard]] absl::StatusOr<Reply> Commit(Reply reply) {
    std::string bytes = reply.SerializeAsString();
    execution_.AddTo(&batch_, bytes);
    const absl::Status status = Change::Commit();
    if (!status.ok()) return status;
    execution_.Keep(std::move(bytes));
    is_ended_ = true;
    return reply;
  }

  // For what changes nothing in the store: the reply is kept in memory.
  template <typename Reply>
  [[nodiscard]] Reply Keep(Reply reply) {
    execution_.Keep(reply.SerializeAsString());
    is_ended_ = true;
    return reply;
  }

  // The request failed with `error` and changed nothing. After Commit or Keep: no effect.
  void Fail(const absl::Status& error);

 private:
  const proto::Mutation& mutation_;
  KeptReplies::Execution execution_;
  bool is_ended_ = false;
};

}  // namespace weft::metadata
