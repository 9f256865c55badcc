#include "metadata-server/namespace/change.h"

#include <cerrno>

#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/paths.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

QuotaUse ChargeOf(const InodeRecord& inode) {
  return {.bytes = static_cast<int64_t>(inode.charged_bytes()), .inodes = 1};
}

absl::Status QuotaError(const KvStore& store, const QuotaExceeded& exceeded) {
  const absl::StatusOr<std::string> path = PathOf(store, exceeded.quota);
  return PosixError(
      EDQUOT, "the quota of " +
                  (path.ok() ? *path : "inode " + std::to_string(exceeded.quota.value())) +
                  " is used up: " + std::to_string(exceeded.used) + " of " +
                  std::to_string(exceeded.limit) + (exceeded.is_inodes ? " inodes" : " bytes"));
}

}  // namespace

void Change::PutInode(InodeRecord* inode) {
  const InodeId quota(inode->quota_id());
  if (!quota.is_none()) {
    const int64_t used = static_cast<int64_t>(inode->attr().used_bytes());
    AddDelta(quota, {.bytes = used - static_cast<int64_t>(inode->charged_bytes())}, &quota_deltas_);
    inode->set_charged_bytes(inode->attr().used_bytes());
  }
  batch_.Put(Family::kInode, InodeKey(IdOf(*inode)), inode->SerializeAsString());
}

void Change::MoveToQuota(InodeRecord* inode, InodeId quota) {
  AddDelta(InodeId(inode->quota_id()), -ChargeOf(*inode), &quota_deltas_);
  inode->set_quota_id(quota.value());
  inode->set_charged_bytes(0);  // PutInode adds what it uses
  AddDelta(quota, {.inodes = 1}, &quota_deltas_);
}

void Change::PutQuota(InodeId id, const QuotaRecord& record) {
  batch_.Put(Family::kQuota, InodeKey(id), record.SerializeAsString());
}

void Change::PutChanged(InodeRecord* inode) {
  inode->mutable_attr()->set_ctime_ns(now_ns_);
  inode->mutable_attr()->set_change(inode->attr().change() + 1);
  PutInode(inode);
}

void Change::PutNew(const InodeRecord& inode) {
  InodeRecord charged = inode;
  AddDelta(InodeId(inode.quota_id()), {.inodes = 1}, &quota_deltas_);
  PutInode(&charged);
  ++inode_delta_;
}

void Change::PutDentry(InodeId directory, std::string_view name, const InodeRecord& inode) {
  DentryRecord dentry;
  dentry.set_inode_id(inode.attr().inode_id());
  dentry.set_type(inode.attr().type());
  batch_.Put(Family::kDentry, DentryKey(directory, name), dentry.SerializeAsString());
}

void Change::DeleteDentry(InodeId directory, std::string_view name) {
  batch_.Delete(Family::kDentry, DentryKey(directory, name));
}

absl::Status Change::DropUnnamed(InodeRecord* inode) {
  inode->mutable_attr()->set_nlink(0);
  if (IsDirectory(*inode)) unnamed_directory_ = IdOf(*inode);
  if (core_.InGrace() || core_.opens.IsOpen(IdOf(*inode))) {
    PutChanged(inode);
    batch_.Put(Family::kOrphan, InodeKey(IdOf(*inode)), {});
    return absl::OkStatus();
  }
  return DeleteInode(*inode);
}

absl::Status Change::DeleteInode(const InodeRecord& inode) {
  const InodeId id = IdOf(inode);
  if (inode.attr().has_xattrs()) {
    WEFT_RETURN_IF_ERROR(core_.store->Scan(Family::kXattr, InodeKey(id), {},
                                           [this](std::string_view key, std::string_view) {
                                             batch_.Delete(Family::kXattr, key);
                                             return true;
                                           }));
  }
  if (IsRegular(inode)) DeleteContent(inode.attr().content());
  if (core_.cuts.Contains(id)) DeleteCut(id);
  if (inode.attr().nlink() == 0) batch_.Delete(Family::kOrphan, InodeKey(id));
  batch_.Delete(Family::kInode, InodeKey(id));
  AddDelta(InodeId(inode.quota_id()), -ChargeOf(inode), &quota_deltas_);
  --inode_delta_;
  return absl::OkStatus();
}

void Change::DeleteContent(const proto::Content& content) {
  if (content.is_inline()) {
    PutInlineBytes(content, {});
  } else {
    ReclaimChunks(content);
  }
}

void Change::ReclaimChunks(const proto::Content& content) {
  ReclaimRecord record;
  *record.mutable_content() = content;
  batch_.Put(Family::kReclaim, ContentKey(ContentId(content.content_id())),
             record.SerializeAsString());
  adds_reclaim_ = true;
}

void Change::PutInlineBytes(const proto::Content& content, std::string_view bytes) {
  const std::string key = ContentKey(ContentId(content.content_id()));
  if (bytes.empty()) {
    batch_.Delete(Family::kInline, key);
  } else {
    batch_.Put(Family::kInline, key, bytes);
  }
}

void Change::PutXattr(InodeId inode, std::string_view name, std::string_view value) {
  batch_.Put(Family::kXattr, XattrKey(inode, name), value);
}

void Change::DeleteXattr(InodeId inode, std::string_view name) {
  batch_.Delete(Family::kXattr, XattrKey(inode, name));
}

void Change::PutCut(const InodeRecord& inode) {
  TruncateRecord record;
  *record.mutable_content() = inode.attr().content();
  record.set_size_bytes(inode.attr().size_bytes());
  batch_.Put(Family::kTruncate, InodeKey(IdOf(inode)), record.SerializeAsString());
  put_cut_ = IdOf(inode);
}

void Change::DeleteCut(InodeId inode) {
  batch_.Delete(Family::kTruncate, InodeKey(inode));
  deleted_cut_ = inode;
}

absl::Status Change::Commit() {
  WEFT_RETURN_IF_ERROR(CommitCharged());
  if (inode_delta_ != 0) core_.inode_count->Add(inode_delta_);
  if (!put_cut_.is_none()) core_.cuts.Add(put_cut_);
  if (!deleted_cut_.is_none()) core_.cuts.Remove(deleted_cut_);
  if (adds_reclaim_) core_.content->WakeReclaim();
  if (!unnamed_directory_.is_none()) core_.quotas.RootIsGone(unnamed_directory_);
  return absl::OkStatus();
}

absl::Status Change::CommitCharged() {
  QuotaCharge charge(&core_.quotas);
  if (const auto exceeded = charge.Begin(quota_deltas_, quota_limits_)) {
    return QuotaError(*core_.store, *exceeded);
  }
  charge.AddTo(&batch_);
  WEFT_RETURN_IF_ERROR(core_.store->Commit(batch_));
  charge.Commit();
  return absl::OkStatus();
}

void Transaction::Fail(const absl::Status& error) {
  // What may be over soon is tried again when the client asks again.
  if (is_ended_ || ErrnoOf(error) == ETIMEDOUT || ErrnoOf(error) == EIO) return;
  execution_.KeepError(error);
  is_ended_ = true;
}

}  // namespace weft::metadata
