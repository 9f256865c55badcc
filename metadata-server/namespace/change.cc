#include "metadata-server/namespace/change.h"

#include <cerrno>

#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {

void Change::PutInode(const InodeRecord& inode) {
  batch_.Put(Family::kInode, InodeKey(IdOf(inode)), inode.SerializeAsString());
}

void Change::PutChanged(InodeRecord* inode) {
  inode->mutable_attr()->set_ctime_ns(now_ns_);
  inode->mutable_attr()->set_change(inode->attr().change() + 1);
  PutInode(*inode);
}

void Change::PutNew(const InodeRecord& inode) {
  PutInode(inode);
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
  WEFT_RETURN_IF_ERROR(core_.store->Commit(batch_));
  if (inode_delta_ != 0) core_.inode_count->Add(inode_delta_);
  if (!put_cut_.is_none()) core_.cuts.Add(put_cut_);
  if (!deleted_cut_.is_none()) core_.cuts.Remove(deleted_cut_);
  if (adds_reclaim_) core_.content->WakeReclaim();
  return absl::OkStatus();
}

void Transaction::Fail(const absl::Status& error) {
  // What may be over soon is tried again when the client asks again.
  if (is_ended_ || ErrnoOf(error) == ETIMEDOUT || ErrnoOf(error) == EIO) return;
  execution_.KeepError(error);
  is_ended_ = true;
}

}  // namespace weft::metadata
