#include "metadata-server/namespace/content.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {
namespace {

constexpr uint64_t kStatBlockBytes = 512;  // the unit of st_blocks

uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

// The finalizer of SplitMix64. What is stored depends on it: it never changes.
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

absl::StatusOr<proto::Content> NewContent(Core& core, const proto::Layout& layout) {
  WEFT_ASSIGN_OR_RETURN(const uint64_t id, core.content_ids->Next());
  const GroupSet set = core.content->SetForNewContent(PoolId(layout.pool()));
  proto::Content content;
  content.set_content_id(id);
  content.set_chunk_bytes_log2(layout.chunk_bytes_log2());
  content.set_first_group(static_cast<uint32_t>(Mix(id)) & (set.count - 1));
  content.set_width(layout.width());
  content.set_pool(layout.pool());
  content.set_is_inline(true);
  content.set_inline_max_bytes(layout.inline_max_bytes());
  AssignGroupSet(set, &content);
  return content;
}

proto::Layout LayoutOf(const proto::Content& content) {
  proto::Layout layout;
  layout.set_chunk_bytes_log2(content.chunk_bytes_log2());
  layout.set_width(content.width());
  layout.set_pool(content.pool());
  layout.set_inline_max_bytes(content.inline_max_bytes());
  return layout;
}

absl::StatusOr<std::string> InlinePayload(const Core& core, const InodeRecord& inode) {
  const proto::Content& content = inode.attr().content();
  if (!content.is_inline() || inode.attr().size_bytes() == 0) return std::string();
  WEFT_ASSIGN_OR_RETURN(std::string bytes, ReadInlineBytes(*core.store, content));
  const uint64_t shown_bytes =
      std::min<uint64_t>(inode.attr().size_bytes(), content.inline_max_bytes());
  if (bytes.size() < shown_bytes) bytes.resize(shown_bytes);
  return bytes;
}

void SetInlineBytes(Change& change, InodeRecord* inode, const std::string& bytes) {
  proto::Content* const content = inode->mutable_attr()->mutable_content();
  content->set_inline_version(content->inline_version() + 1);
  change.PutInlineBytes(*content, bytes);
  inode->mutable_attr()->set_used_bytes(UsedByInline(bytes.size()));
}

absl::Status StoreInline(Core& core, Change& change, InodeRecord* inode, uint64_t offset,
                         std::string_view data) {
  proto::Attr* const attr = inode->mutable_attr();
  const uint64_t limit = attr->content().inline_max_bytes();
  if (offset > limit || data.size() > limit - offset) {
    return PosixError(EFBIG, "the file would grow too big to be inline");
  }
  if (data.empty()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(std::string bytes, ReadInlineBytes(*core.store, attr->content()));
  if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
  std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  SetInlineBytes(change, inode, bytes);
  attr->set_size_bytes(std::max<uint64_t>(attr->size_bytes(), offset + data.size()));
  return absl::OkStatus();
}

absl::Status EmptyContent(Core& core, Change& change, InodeRecord* inode) {
  proto::Attr* const attr = inode->mutable_attr();
  WEFT_ASSIGN_OR_RETURN(proto::Content content, NewContent(core, LayoutOf(attr->content())));
  change.DeleteContent(attr->content());
  if (core.cuts.Contains(IdOf(*inode))) change.DeleteCut(IdOf(*inode));
  *attr->mutable_content() = std::move(content);
  attr->set_size_bytes(0);
  attr->set_used_bytes(0);
  inode->clear_append_end_bytes();
  return absl::OkStatus();
}

absl::Status RenewInlineContent(Core& core, Change& change, InodeRecord* inode) {
  const proto::Content old = inode->attr().content();
  WEFT_ASSIGN_OR_RETURN(const std::string bytes, ReadInlineBytes(*core.store, old));
  WEFT_ASSIGN_OR_RETURN(proto::Content content, NewContent(core, LayoutOf(old)));
  content.set_inline_version(old.inline_version() + 1);
  change.DeleteContent(old);
  change.ReclaimChunks(old);
  change.PutInlineBytes(content, bytes);
  *inode->mutable_attr()->mutable_content() = std::move(content);
  change.PutChanged(inode);
  return absl::OkStatus();
}

absl::Status RenewInlineContent(Core& core, InodeRecord inode) {
  Change change(core);
  WEFT_RETURN_IF_ERROR(RenewInlineContent(core, change, &inode));
  return change.Commit();
}

absl::Status FinishCut(Core& core, InodeId inode, Patience patience) {
  if (!core.cuts.Contains(inode)) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const std::string row, core.store->Get(Family::kTruncate, InodeKey(inode)));
  TruncateRecord record;
  if (!record.ParseFromString(row)) {
    return PosixError(EIO, "the metadata store is damaged: bad row of a cut");
  }
  const absl::Status status =
      core.content->Truncate(record.content(), record.size_bytes(), patience);
  if (!status.ok()) return PosixError(ETIMEDOUT, "the cut is not finished: " + MessageOf(status));
  Change change(core);
  change.DeleteCut(inode);
  return change.Commit();
}

uint64_t UsedByInline(uint64_t stored_bytes) { return RoundUp(stored_bytes, kStatBlockBytes); }

uint64_t MostUsedByChunks(uint64_t size_bytes) { return RoundUp(size_bytes, kBlockBytes); }

}  // namespace weft::metadata
