#include "client/fuse/testing/memory_vfs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/limits.h"
#include "common/status.h"

namespace weft::fuse {

using client::Caller;
using client::HandleId;
using client::OpenFlags;

MemoryVfs::MemoryVfs() {
  auto root = std::make_shared<Node>();
  root->attr.set_inode_id(kRootInode.value());
  root->attr.set_type(proto::DIRECTORY);
  root->attr.set_permissions(0755);
  root->attr.set_nlink(2);
  root->attr.set_parent_id(kRootInode.value());
  MutexLock lock(&mutex_);
  nodes_[kRootInode] = root;
  layout_.set_chunk_bytes_log2(kDefaultChunkBytesLog2);
  layout_.set_width(kDefaultWidth);
  layout_.set_inline_max_bytes(kDefaultInlineMaxBytes);
}

absl::StatusOr<MemoryVfs::NodePtr> MemoryVfs::Find(InodeId inode) {
  const auto found = nodes_.find(inode);
  if (found == nodes_.end()) return PosixError(ENOENT, "no such inode");
  return found->second;
}

absl::StatusOr<MemoryVfs::NodePtr> MemoryVfs::FindEntry(InodeId parent, std::string_view name) {
  WEFT_ASSIGN_OR_RETURN(const NodePtr directory, Find(parent));
  const auto entry = directory->entries.find(name);
  if (entry == directory->entries.end()) return PosixError(ENOENT, "no such name");
  return Find(entry->second);
}

absl::StatusOr<MemoryVfs::NodePtr> MemoryVfs::FindHandle(HandleId handle) {
  const auto found = handles_.find(handle);
  if (found == handles_.end()) return PosixError(EBADF, "no such handle");
  return found->second;
}

absl::StatusOr<proto::Attr> MemoryVfs::Lookup(Caller /*caller*/, InodeId parent,
                                              std::string_view name) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindEntry(parent, name));
  return node->attr;
}

absl::StatusOr<proto::Attr> MemoryVfs::GetAttr(InodeId inode) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  return node->attr;
}

absl::StatusOr<proto::Attr> MemoryVfs::SetAttr(Caller /*caller*/, InodeId inode,
                                               const client::AttrChanges& changes) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  proto::Attr& attr = node->attr;
  if (changes.permissions) attr.set_permissions(*changes.permissions);
  if (changes.uid) attr.set_uid(*changes.uid);
  if (changes.gid) attr.set_gid(*changes.gid);
  if (changes.size_bytes) SetSize(*node, *changes.size_bytes);
  if (changes.atime_ns) attr.set_atime_ns(*changes.atime_ns);
  if (changes.mtime_ns) attr.set_mtime_ns(*changes.mtime_ns);
  if (changes.atime_now) attr.set_atime_ns(++now_ns_);
  if (changes.mtime_now) attr.set_mtime_ns(++now_ns_);
  attr.set_ctime_ns(++now_ns_);
  return attr;
}

absl::StatusOr<MemoryVfs::NodePtr> MemoryVfs::Make(Caller caller, InodeId parent,
                                                   std::string_view name, proto::FileType type,
                                                   uint32_t permissions) {
  WEFT_ASSIGN_OR_RETURN(const NodePtr directory, Find(parent));
  if (directory->entries.contains(name)) return PosixError(EEXIST, "the name exists");
  auto node = std::make_shared<Node>();
  const InodeId inode(next_inode_++);
  node->attr.set_inode_id(inode.value());
  node->attr.set_type(type);
  node->attr.set_permissions(permissions & ~caller.umask);
  node->attr.set_uid(caller.uid);
  node->attr.set_gid(caller.gid);
  node->attr.set_nlink(type == proto::DIRECTORY ? 2 : 1);
  node->attr.set_parent_id(parent.value());
  node->attr.set_mtime_ns(++now_ns_);
  node->attr.set_ctime_ns(now_ns_);
  nodes_[inode] = node;
  directory->entries.emplace(name, inode);
  return node;
}

absl::StatusOr<proto::Attr> MemoryVfs::MakeNode(Caller caller, InodeId parent,
                                                std::string_view name, proto::FileType type,
                                                uint32_t permissions, uint32_t rdev,
                                                std::string_view symlink_target) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Make(caller, parent, name, type, permissions));
  node->attr.set_rdev(rdev);
  node->bytes = symlink_target;
  node->attr.set_size_bytes(symlink_target.size());
  return node->attr;
}

absl::StatusOr<proto::Attr> MemoryVfs::Link(Caller /*caller*/, InodeId inode, InodeId new_parent,
                                            std::string_view new_name) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  WEFT_ASSIGN_OR_RETURN(const NodePtr directory, Find(new_parent));
  if (!directory->entries.emplace(new_name, inode).second) return PosixError(EEXIST, "exists");
  node->attr.set_nlink(node->attr.nlink() + 1);
  return node->attr;
}

void MemoryVfs::DropName(const NodePtr& node) {
  const bool is_directory = node->attr.type() == proto::DIRECTORY;
  node->attr.set_nlink(is_directory ? 0 : node->attr.nlink() - 1);
  if (node->attr.nlink() == 0 && node->opens == 0) nodes_.erase(InodeId(node->attr.inode_id()));
}

absl::Status MemoryVfs::Remove(InodeId parent, std::string_view name, bool directory) {
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindEntry(parent, name));
  const bool is_directory = node->attr.type() == proto::DIRECTORY;
  if (directory && !is_directory) return PosixError(ENOTDIR, "no directory");
  if (!directory && is_directory) return PosixError(EISDIR, "a directory");
  if (!node->entries.empty()) return PosixError(ENOTEMPTY, "not empty");
  auto& entries = nodes_[parent]->entries;
  entries.erase(entries.find(name));
  DropName(node);
  return absl::OkStatus();
}

absl::Status MemoryVfs::Unlink(Caller /*caller*/, InodeId parent, std::string_view name) {
  MutexLock lock(&mutex_);
  return Remove(parent, name, /*directory=*/false);
}

absl::Status MemoryVfs::Rmdir(Caller /*caller*/, InodeId parent, std::string_view name) {
  MutexLock lock(&mutex_);
  return Remove(parent, name, /*directory=*/true);
}

absl::Status MemoryVfs::Rename(Caller /*caller*/, InodeId parent, std::string_view name,
                               InodeId new_parent, std::string_view new_name, bool no_replace,
                               bool exchange) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindEntry(parent, name));
  const absl::StatusOr<NodePtr> target = FindEntry(new_parent, new_name);
  if (exchange && !target.ok()) return target.status();
  if (no_replace && target.ok()) return PosixError(EEXIST, "exists");
  auto& from = nodes_[parent]->entries;
  auto& to = nodes_[new_parent]->entries;
  const InodeId moved(node->attr.inode_id());
  if (exchange) {
    std::swap(from.find(name)->second, to.find(new_name)->second);
    return absl::OkStatus();
  }
  from.erase(from.find(name));
  to.insert_or_assign(std::string(new_name), moved);
  if (target.ok()) DropName(*target);
  return absl::OkStatus();
}

absl::StatusOr<std::string> MemoryVfs::ReadLink(InodeId inode) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  return node->bytes;
}

absl::StatusOr<client::DirPage> MemoryVfs::ReadDir(Caller /*caller*/, InodeId directory,
                                                   std::string_view after_name,
                                                   uint32_t max_entries, bool want_attrs) {
  ++directory_reads_;
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(directory));
  client::DirPage page;
  page.parent = InodeId(node->attr.parent_id());
  auto at = node->entries.upper_bound(after_name);
  for (; at != node->entries.end() && page.entries.size() < max_entries; ++at) {
    const proto::Attr& attr = nodes_[at->second]->attr;
    proto::DirEntry& entry = page.entries.emplace_back();
    entry.set_name(at->first);
    entry.set_inode_id(attr.inode_id());
    entry.set_type(attr.type());
    if (want_attrs) *entry.mutable_attr() = attr;
  }
  page.at_end = at == node->entries.end();
  return page;
}

client::Opened MemoryVfs::OpenNode(const NodePtr& node, OpenFlags flags) {
  if (flags.truncate) SetSize(*node, 0);
  const HandleId handle = next_handle_++;
  handles_[handle] = node;
  ++node->opens;
  return {.handle = handle, .attr = node->attr};
}

absl::StatusOr<client::Opened> MemoryVfs::Create(Caller caller, InodeId parent,
                                                 std::string_view name, uint32_t permissions,
                                                 bool exclusive, OpenFlags flags) {
  MutexLock lock(&mutex_);
  absl::StatusOr<NodePtr> node = FindEntry(parent, name);
  if (node.ok() && exclusive) return PosixError(EEXIST, "exists");
  const bool created = !node.ok();
  if (created) node = Make(caller, parent, name, proto::REGULAR, permissions);
  if (!node.ok()) return node.status();
  client::Opened opened = OpenNode(*node, flags);
  opened.created = created;
  return opened;
}

absl::StatusOr<client::Opened> MemoryVfs::Open(Caller /*caller*/, InodeId inode, OpenFlags flags) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  return OpenNode(node, flags);
}

absl::StatusOr<client::ReadBytes> MemoryVfs::Read(HandleId handle, uint64_t offset_bytes,
                                                  size_t length_bytes) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindHandle(handle));
  client::ReadBytes bytes;
  if (offset_bytes >= node->bytes.size()) return bytes;
  const auto copy = std::make_shared<std::string>(node->bytes.substr(offset_bytes, length_bytes));
  const size_t half = copy->size() / 2;  // several pieces, as the real one gives
  bytes.pieces = {{copy->data(), half}, {copy->data() + half, copy->size() - half}};
  bytes.size_bytes = copy->size();
  bytes.owner = copy;
  return bytes;
}

void MemoryVfs::SetSize(Node& node, uint64_t size_bytes) {
  node.bytes.resize(size_bytes);
  node.attr.set_size_bytes(size_bytes);
  node.attr.set_mtime_ns(++now_ns_);
  node.attr.set_ctime_ns(now_ns_);
}

absl::Status MemoryVfs::Write(HandleId handle, uint64_t offset_bytes,
                              std::span<const std::byte> data, bool append) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindHandle(handle));
  const uint64_t start = append ? node->bytes.size() : offset_bytes;
  SetSize(*node, std::max<uint64_t>(node->bytes.size(), start + data.size()));
  std::memcpy(node->bytes.data() + start, data.data(), data.size());
  return absl::OkStatus();
}

absl::Status MemoryVfs::Flush(HandleId handle) {
  MutexLock lock(&mutex_);
  return FindHandle(handle).status();
}

absl::Status MemoryVfs::Fsync(HandleId handle) { return Flush(handle); }

absl::Status MemoryVfs::FsyncDirectory() { return absl::OkStatus(); }

absl::Status MemoryVfs::Release(HandleId handle) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindHandle(handle));
  handles_.erase(handle);
  std::erase_if(locks_, [&](const Lock& held) { return held.handle == handle; });
  locks_changed_.Signal();
  if (--node->opens == 0 && node->attr.nlink() == 0) nodes_.erase(InodeId(node->attr.inode_id()));
  return absl::OkStatus();
}

absl::Status MemoryVfs::Fallocate(HandleId handle, int mode, uint64_t offset_bytes,
                                  uint64_t length_bytes) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindHandle(handle));
  if (mode != 0) return PosixError(EOPNOTSUPP, "only preallocation");
  SetSize(*node, std::max<uint64_t>(node->bytes.size(), offset_bytes + length_bytes));
  return absl::OkStatus();
}

absl::Status MemoryVfs::DropSetId(Caller /*caller*/, HandleId handle) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindHandle(handle));
  node->attr.set_permissions(node->attr.permissions() & 01777);
  return absl::OkStatus();
}

// All of a file is data.
absl::StatusOr<uint64_t> MemoryVfs::Seek(HandleId handle, SeekFor what, uint64_t offset_bytes) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, FindHandle(handle));
  if (offset_bytes >= node->bytes.size()) return PosixError(ENXIO, "not before the end");
  return what == SeekFor::kData ? offset_bytes : node->bytes.size();
}

absl::StatusOr<uint64_t> MemoryVfs::CopyRange(HandleId from, uint64_t from_offset_bytes,
                                              HandleId to, uint64_t to_offset_bytes,
                                              uint64_t length_bytes) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr source, FindHandle(from));
  WEFT_ASSIGN_OR_RETURN(const NodePtr target, FindHandle(to));
  if (from_offset_bytes >= source->bytes.size()) return 0;
  const std::string bytes = source->bytes.substr(from_offset_bytes, length_bytes);
  const uint64_t end = to_offset_bytes + bytes.size();
  if (end > target->bytes.size()) SetSize(*target, end);
  target->bytes.replace(to_offset_bytes, bytes.size(), bytes);
  return bytes.size();
}

absl::StatusOr<proto::StatFsReply> MemoryVfs::StatFs(InodeId /*inode*/) {
  proto::StatFsReply reply;
  reply.set_capacity_bytes(uint64_t{1} << 40);
  reply.set_free_bytes(uint64_t{1} << 39);
  reply.set_inodes_used(7);
  reply.set_inodes_free(1000);
  return reply;
}

absl::StatusOr<std::string> MemoryVfs::GetXattr(Caller /*caller*/, InodeId inode,
                                                std::string_view name) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  const auto found = node->xattrs.find(name);
  if (found == node->xattrs.end()) return PosixError(ENODATA, "no such attribute");
  return found->second;
}

absl::Status MemoryVfs::SetXattr(Caller /*caller*/, InodeId inode, std::string_view name,
                                 std::string_view value, bool create_only, bool replace_only) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  const bool exists = node->xattrs.contains(name);
  if (exists && create_only) return PosixError(EEXIST, "exists");
  if (!exists && replace_only) return PosixError(ENODATA, "no such attribute");
  node->xattrs.insert_or_assign(std::string(name), std::string(value));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemoryVfs::ListXattr(Caller /*caller*/, InodeId inode) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  std::vector<std::string> names;
  for (const auto& [name, value] : node->xattrs) names.push_back(name);
  return names;
}

absl::Status MemoryVfs::RemoveXattr(Caller /*caller*/, InodeId inode, std::string_view name) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(const NodePtr node, Find(inode));
  const auto found = node->xattrs.find(name);
  if (found == node->xattrs.end()) return PosixError(ENODATA, "no such attribute");
  node->xattrs.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<proto::Layout> MemoryVfs::GetLayout(InodeId /*inode*/) {
  MutexLock lock(&mutex_);
  return layout_;
}

absl::Status MemoryVfs::SetLayout(Caller /*caller*/, InodeId /*inode*/,
                                  const proto::Layout& layout) {
  MutexLock lock(&mutex_);
  layout_ = layout;
  return absl::OkStatus();
}

absl::StatusOr<std::string> MemoryVfs::GetPath(InodeId inode) {
  return inode == kRootInode ? "/" : "/somewhere";
}

// Every chunk of three is a hole; the others lie on two nodes in turn.
absl::StatusOr<std::vector<client::ChunkPlace>> MemoryVfs::Locate(InodeId /*inode*/, uint32_t first,
                                                                  uint32_t count) {
  std::vector<client::ChunkPlace> places;
  for (uint32_t chunk = first; chunk < first + count && chunk < chunks_; ++chunk) {
    const bool exists = chunk % 3 != 2;
    places.push_back({.chunk = chunk,
                      .group = chunk % kDefaultGroups,
                      .target = TargetId(1 + chunk % 2),
                      .node_name = chunk % 2 == 0 ? "n1" : "n2",
                      .exists = exists,
                      .version = exists ? 1u : 0u,
                      .length_bytes = exists ? 4096u : 0u,
                      .used_bytes = exists ? 4096u : 0u});
  }
  return places;
}

void MemoryVfs::OnInvalidate(std::function<void(InodeId inode)> callback) {
  invalidate_ = std::move(callback);
}

size_t MemoryVfs::open_handles() {
  MutexLock lock(&mutex_);
  return handles_.size();
}

void MemoryVfs::WriteFromElsewhere(InodeId inode, std::string_view content) {
  {
    MutexLock lock(&mutex_);
    const NodePtr node = nodes_.at(inode);
    SetSize(*node, content.size());
    node->bytes = content;
  }
  if (invalidate_) invalidate_(inode);
}

}  // namespace weft::fuse
