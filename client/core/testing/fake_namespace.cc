// FakeMetadata: names, attributes and content.
#include <algorithm>
#include <cerrno>

#include "client/core/testing/fake_metadata.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/status.h"

namespace weft::client {

absl::StatusOr<FakeMetadata::Inode*> FakeMetadata::Find(uint64_t inode) {
  const auto it = inodes_.find(inode);
  if (it == inodes_.end()) return PosixError(ENOENT, "no such inode");
  return &it->second;
}

void FakeMetadata::NewContent(proto::Content* content) {
  content->set_content_id(++last_id_);
  content->set_chunk_bytes_log2(layout_.chunk_bytes_log2());
  content->set_first_group(static_cast<uint32_t>(last_id_ % 8));
  content->set_width(layout_.width());
  content->set_pool(layout_.pool());
  content->set_inline_max_bytes(layout_.inline_max_bytes());
  content->set_group_count(8);
  content->set_is_inline(true);
  content->set_inline_version(1);
  content->set_cut(0);
}

void FakeMetadata::RenewContent(Inode& inode) {
  proto::Content* content = inode.attr.mutable_content();
  hooks_.remove(content->content_id());
  const uint64_t version = content->inline_version();
  NewContent(content);
  content->set_inline_version(version + 1);
  Changed(inode);
}

bool FakeMetadata::CountOpen(Inode& inode, uint64_t session, bool for_writing) {
  ++inode.opens;
  if (!for_writing) return false;
  ++inode.writers[session];
  return inode.writers.size() == 1;
}

void FakeMetadata::Changed(Inode& inode) {
  inode.attr.set_change(inode.attr.change() + 1);
  inode.attr.set_ctime_ns(SystemClock().WallNs());
}

absl::Status FakeMetadata::Lookup(const proto::LookupRequest& request, proto::LookupReply* reply,
                                  std::string* /*payload*/) {
  const auto it = names_.find(request.name());
  if (it == names_.end()) return PosixError(ENOENT, "no such name");
  *reply->mutable_attr() = inodes_.at(it->second).attr;
  return absl::OkStatus();
}

absl::Status FakeMetadata::GetAttr(const proto::GetAttrRequest& request, proto::GetAttrReply* reply,
                                   std::string* /*payload*/) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  *reply->mutable_attr() = inode->attr;
  return absl::OkStatus();
}

void FakeMetadata::Resize(Inode& inode, uint64_t size_bytes) {
  proto::Attr& attr = inode.attr;
  proto::Content* content = attr.mutable_content();
  if (size_bytes < inode.append_end) inode.append_end = 0;
  if (size_bytes == 0) {
    if (content->is_inline() && attr.size_bytes() == 0) return;
    hooks_.remove(content->content_id());
    NewContent(content);
    inode.bytes.clear();
  } else if (content->is_inline()) {
    if (size_bytes < inode.bytes.size()) inode.bytes.resize(size_bytes);
    content->set_inline_version(content->inline_version() + 1);
    if (size_bytes > content->inline_max_bytes() && inode.bytes.empty()) {
      content->set_is_inline(false);
    }
  } else if (size_bytes < attr.size_bytes()) {
    content->set_cut(content->cut() + 1);
    hooks_.cut(*content, size_bytes);
  }
  attr.set_size_bytes(size_bytes);
  attr.set_mtime_ns(SystemClock().WallNs());
}

absl::Status FakeMetadata::SetAttr(const proto::SetAttrRequest& request, proto::SetAttrReply* reply,
                                   std::string* /*payload*/) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  if (request.has_size_bytes()) Resize(*inode, request.size_bytes());
  if (request.has_permissions()) inode->attr.set_permissions(request.permissions());
  if (request.has_mtime_ns()) inode->attr.set_mtime_ns(request.mtime_ns());
  Changed(*inode);
  *reply->mutable_attr() = inode->attr;
  return absl::OkStatus();
}

absl::Status FakeMetadata::Create(const proto::CreateRequest& request, proto::CreateReply* reply,
                                  std::string* payload) {
  const auto [it, created] = names_.try_emplace(request.name(), 0);
  if (!created && request.exclusive()) return PosixError(EEXIST, "the name exists");
  if (created) {
    it->second = ++last_id_;
    proto::Attr& attr = inodes_[it->second].attr;
    attr.set_inode_id(it->second);
    attr.set_type(proto::REGULAR);
    attr.set_permissions(request.permissions());
    attr.set_nlink(1);
    attr.set_parent_id(request.parent_id());
    attr.set_mtime_ns(SystemClock().WallNs());
    NewContent(attr.mutable_content());
  }
  Inode& inode = inodes_.at(it->second);
  reply->set_sole_writer(CountOpen(inode, request.mutation().session_id(), request.for_writing()));
  reply->set_created(created);
  *reply->mutable_attr() = inode.attr;
  *payload = inode.attr.content().is_inline() ? inode.bytes : "";
  return absl::OkStatus();
}

absl::Status FakeMetadata::Unlink(const proto::UnlinkRequest& request, proto::UnlinkReply* reply,
                                  std::string* /*payload*/) {
  const auto it = names_.find(request.name());
  if (it == names_.end()) return PosixError(ENOENT, "no such name");
  Inode& inode = inodes_.at(it->second);
  inode.attr.set_nlink(0);
  Changed(inode);
  *reply->mutable_attr() = inode.attr;
  if (inode.opens == 0) inodes_.erase(it->second);
  names_.erase(it);
  return absl::OkStatus();
}

absl::Status FakeMetadata::ReadDir(const proto::ReadDirRequest& request, proto::ReadDirReply* reply,
                                   std::string* /*payload*/) {
  auto it = names_.upper_bound(request.after_name());
  for (; it != names_.end() && reply->entries_size() < static_cast<int>(request.max_entries());
       ++it) {
    proto::DirEntry* entry = reply->add_entries();
    entry->set_name(it->first);
    entry->set_inode_id(it->second);
    entry->set_type(proto::REGULAR);
    if (request.want_attrs()) *entry->mutable_attr() = inodes_.at(it->second).attr;
  }
  reply->set_at_end(it == names_.end());
  reply->set_parent_id(kRootInode.value());
  return absl::OkStatus();
}

absl::Status FakeMetadata::Open(const proto::OpenRequest& request, proto::OpenReply* reply,
                                std::string* payload) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  if (request.truncate()) {
    Resize(*inode, 0);
    Changed(*inode);
  }
  reply->set_sole_writer(CountOpen(*inode, request.mutation().session_id(), request.for_writing()));
  *reply->mutable_attr() = inode->attr;
  *payload = inode->attr.content().is_inline() ? inode->bytes : "";
  return absl::OkStatus();
}

absl::Status FakeMetadata::Close(const proto::CloseRequest& request, proto::CloseReply* /*reply*/,
                                 std::string* /*payload*/) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  --inode->opens;
  if (request.atime_ns() != 0) inode->attr.set_atime_ns(request.atime_ns());
  const auto writer = inode->writers.find(request.mutation().session_id());
  if (request.for_writing() && writer != inode->writers.end() && --writer->second == 0) {
    inode->writers.erase(writer);
  }
  const proto::Content& content = inode->attr.content();
  if (content.is_inline() && content.content_id() == request.left_content_id()) {
    RenewContent(*inode);
  }
  if (inode->opens == 0 && inode->attr.nlink() == 0) inodes_.erase(request.inode_id());
  return absl::OkStatus();
}

absl::Status FakeMetadata::ReadInline(const proto::ReadInlineRequest& request,
                                      proto::ReadInlineReply* reply, std::string* payload) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  *reply->mutable_attr() = inode->attr;
  *payload = inode->attr.content().is_inline() ? inode->bytes : "";
  return absl::OkStatus();
}

absl::Status FakeMetadata::WriteInline(const proto::WriteInlineRequest& request,
                                       proto::WriteInlineReply* reply, std::string* payload) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  proto::Content* content = inode->attr.mutable_content();
  if (!content->is_inline() || content->content_id() != request.content_id()) {
    return PosixError(EAGAIN, "another content");
  }
  if (request.has_inline_version() && request.inline_version() != content->inline_version()) {
    return PosixError(EAGAIN, "another version of the content");
  }
  const uint64_t end = request.offset_bytes() + payload->size();
  if (end > content->inline_max_bytes()) return PosixError(EFBIG, "too long to be inline");
  if (inode->bytes.size() < end) inode->bytes.resize(end);
  inode->bytes.replace(request.offset_bytes(), payload->size(), *payload);
  content->set_inline_version(content->inline_version() + 1);
  inode->attr.set_size_bytes(std::max(inode->attr.size_bytes(), end));
  inode->attr.set_mtime_ns(request.mtime_ns());
  Changed(*inode);
  *reply->mutable_attr() = inode->attr;
  payload->clear();
  return absl::OkStatus();
}

absl::Status FakeMetadata::Append(const proto::AppendRequest& request, proto::AppendReply* reply,
                                  std::string* payload) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  proto::Content* content = inode->attr.mutable_content();
  if (content->content_id() != request.content_id()) return PosixError(EAGAIN, "another content");
  const uint64_t size = inode->attr.size_bytes();
  if (content->is_inline()) {
    if (payload->size() != request.length_bytes() ||
        size + payload->size() > content->inline_max_bytes()) {
      return PosixError(EFBIG, "too long to be inline");
    }
    inode->bytes.resize(size);
    inode->bytes += *payload;
    content->set_inline_version(content->inline_version() + 1);
    inode->attr.set_size_bytes(inode->bytes.size());
    Changed(*inode);
    reply->set_offset_bytes(size);
    reply->set_is_stored(true);
  } else {
    reply->set_offset_bytes(std::max(size, inode->append_end));
    inode->append_end = reply->offset_bytes() + request.length_bytes();
  }
  *reply->mutable_attr() = inode->attr;
  payload->clear();
  return absl::OkStatus();
}

absl::Status FakeMetadata::BeginMove(const proto::BeginMoveRequest& request,
                                     proto::BeginMoveReply* reply, std::string* /*payload*/) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  if (inode->attr.content().is_inline()) RenewContent(*inode);
  *reply->mutable_attr() = inode->attr;
  return absl::OkStatus();
}

absl::Status FakeMetadata::CommitWrite(const proto::CommitWriteRequest& request,
                                       proto::CommitWriteReply* reply, std::string* /*payload*/) {
  WEFT_ASSIGN_OR_RETURN(Inode * inode, Find(request.inode_id()));
  if (commits_fail_) return PosixError(EIO, "told to fail");
  proto::Content* content = inode->attr.mutable_content();
  if (content->content_id() != request.content_id() ||
      content->is_inline() != request.drop_inline()) {
    return PosixError(EAGAIN, "another content");
  }
  if (request.drop_inline() && content->inline_version() != request.inline_version()) {
    // Chunks that were written for the old version must not be seen in later holes.
    RenewContent(*inode);
    return PosixError(EAGAIN, "another version of the content");
  }
  if (request.drop_inline()) {
    content->set_is_inline(false);
    inode->bytes.clear();
  }
  inode->attr.set_size_bytes(std::max(inode->attr.size_bytes(), request.size_at_least_bytes()));
  inode->attr.set_mtime_ns(request.mtime_ns());
  inode->attr.set_used_bytes(inode->attr.used_bytes() + request.used_bytes_added() -
                             request.used_bytes_freed());
  Changed(*inode);
  *reply->mutable_attr() = inode->attr;
  return absl::OkStatus();
}

}  // namespace weft::client
