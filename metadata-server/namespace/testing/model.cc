#include "metadata-server/namespace/testing/model.h"

#include <algorithm>
#include <cerrno>

#include "common/limits.h"

namespace weft::metadata {

Model::Model() {
  Node& root = nodes_[kRootInode];
  root.type = proto::DIRECTORY;
  root.nlink = 1;
  root.parent = kRootInode;
}

Model::Node* Model::Find(InodeId inode) {
  const auto node = nodes_.find(inode);
  return node == nodes_.end() ? nullptr : &node->second;
}

int Model::CheckDirectory(InodeId inode) const {
  const auto node = nodes_.find(inode);
  if (node == nodes_.end()) return ESTALE;
  if (node->second.type != proto::DIRECTORY) return ENOTDIR;
  return node->second.nlink == 0 ? ENOENT : 0;
}

std::optional<InodeId> Model::Lookup(InodeId parent, const std::string& name) const {
  const auto& names = nodes_.at(parent).names;
  const auto found = names.find(name);
  if (found == names.end()) return std::nullopt;
  return found->second;
}

bool Model::IsWithin(InodeId inode, InodeId top) const {
  for (; inode != top; inode = nodes_.at(inode).parent) {
    if (inode == kRootInode) return false;
  }
  return true;
}

int Model::MakeNode(InodeId parent, const std::string& name) const {
  if (const int error = CheckDirectory(parent)) return error;
  return Lookup(parent, name) ? EEXIST : 0;
}

void Model::Added(InodeId parent, const std::string& name, InodeId inode, proto::FileType type) {
  Node& node = nodes_[inode];
  node.type = type;
  node.nlink = 1;
  node.parent = parent;
  nodes_.at(parent).names[name] = inode;
}

int Model::Link(InodeId inode, InodeId parent, const std::string& name) {
  if (const int error = CheckDirectory(parent)) return error;
  Node* const node = Find(inode);
  if (node == nullptr) return ESTALE;
  if (Lookup(parent, name)) return EEXIST;
  if (node->type == proto::DIRECTORY) return EPERM;
  if (node->nlink == 0) return ENOENT;
  ++node->nlink;
  nodes_.at(parent).names[name] = inode;
  return 0;
}

int Model::Unlink(InodeId parent, const std::string& name) {
  if (const int error = CheckDirectory(parent)) return error;
  const auto inode = Lookup(parent, name);
  if (!inode) return ENOENT;
  if (Find(*inode)->type == proto::DIRECTORY) return EISDIR;
  nodes_.at(parent).names.erase(name);
  DropName(*inode);
  return 0;
}

int Model::Rmdir(InodeId parent, const std::string& name) {
  if (const int error = CheckDirectory(parent)) return error;
  const auto inode = Lookup(parent, name);
  if (!inode) return ENOENT;
  if (Find(*inode)->type != proto::DIRECTORY) return ENOTDIR;
  if (!Find(*inode)->names.empty()) return ENOTEMPTY;
  nodes_.at(parent).names.erase(name);
  DropName(*inode);
  return 0;
}

int Model::Rename(InodeId from, const std::string& name, InodeId to, const std::string& new_name,
                  Flag flag) {
  if (const int error = CheckDirectory(from)) return error;
  if (const int error = CheckDirectory(to)) return error;
  const auto moved = Lookup(from, name);
  const auto target = Lookup(to, new_name);
  if (!moved || (flag == Flag::kExchange && !target)) return ENOENT;
  if (flag == Flag::kNoReplace && target) return EEXIST;
  if (moved == target) return 0;
  const bool is_directory = Find(*moved)->type == proto::DIRECTORY;
  const bool is_over_directory = target && Find(*target)->type == proto::DIRECTORY;
  if (is_directory && IsWithin(to, *moved)) return EINVAL;
  if (flag == Flag::kExchange) {
    if (is_over_directory && IsWithin(from, *target)) return EINVAL;
    nodes_.at(from).names[name] = *target;
    Find(*target)->parent = from;
  } else {
    if (target && is_directory && !is_over_directory) return ENOTDIR;
    if (target && !is_directory && is_over_directory) return EISDIR;
    if (target && !Find(*target)->names.empty()) return ENOTEMPTY;
    nodes_.at(from).names.erase(name);
  }
  nodes_.at(to).names[new_name] = *moved;
  Find(*moved)->parent = to;
  if (target && flag != Flag::kExchange) DropName(*target);
  return 0;
}

void Model::DropName(InodeId inode) {
  --Find(inode)->nlink;
  DropIfForgotten(inode);
}

void Model::DropIfForgotten(InodeId inode) {
  const Node* const node = Find(inode);
  if (node->nlink == 0 && node->open_count == 0) nodes_.erase(inode);
}

int Model::Write(InodeId inode, uint64_t offset_bytes, const std::string& data) {
  Node* const node = Find(inode);
  if (node == nullptr) return ESTALE;
  if (node->type != proto::REGULAR) return EINVAL;
  if (!node->is_inline) return EAGAIN;
  const uint64_t end = offset_bytes + data.size();
  if (end > kDefaultInlineMaxBytes) return EFBIG;
  if (data.empty()) return 0;
  if (node->bytes.size() < end) node->bytes.resize(end);
  node->bytes.replace(offset_bytes, data.size(), data);
  node->size_bytes = std::max(node->size_bytes, end);
  return 0;
}

int Model::Truncate(InodeId inode, uint64_t size_bytes) {
  Node* const node = Find(inode);
  if (node == nullptr) return ESTALE;
  if (node->type == proto::DIRECTORY) return EISDIR;
  if (node->type != proto::REGULAR) return EINVAL;
  if (size_bytes == 0) node->is_inline = true;
  node->size_bytes = size_bytes;
  if (node->bytes.size() > size_bytes) node->bytes.resize(size_bytes);
  if (node->bytes.empty() && size_bytes > kDefaultInlineMaxBytes) node->is_inline = false;
  return 0;
}

int Model::MoveToChunks(InodeId inode, uint64_t size_bytes) {
  Node* const node = Find(inode);
  if (node == nullptr) return ESTALE;
  if (node->type != proto::REGULAR) return EINVAL;
  if (!node->is_inline) return EAGAIN;
  node->is_inline = false;
  node->bytes.clear();
  node->size_bytes = std::max(node->size_bytes, size_bytes);
  return 0;
}

int Model::SetXattr(InodeId inode, const std::string& name, const std::string& value) {
  Node* const node = Find(inode);
  if (node == nullptr) return ESTALE;
  node->xattrs[name] = value;
  return 0;
}

int Model::RemoveXattr(InodeId inode, const std::string& name) {
  Node* const node = Find(inode);
  if (node == nullptr) return ESTALE;
  return node->xattrs.erase(name) == 0 ? ENODATA : 0;
}

int Model::Open(InodeId inode) {
  Node* const node = Find(inode);
  if (node == nullptr) return ESTALE;
  if (node->type == proto::SYMLINK) return ELOOP;
  ++node->open_count;
  return 0;
}

void Model::Close(InodeId inode) {
  --Find(inode)->open_count;
  DropIfForgotten(inode);
}

uint32_t Model::NlinkOf(InodeId inode) const {
  const Node& node = nodes_.at(inode);
  if (node.type != proto::DIRECTORY || node.nlink == 0) return node.nlink;
  return 2 + static_cast<uint32_t>(
                 std::count_if(node.names.begin(), node.names.end(), [this](const auto& name) {
                   return nodes_.at(name.second).type == proto::DIRECTORY;
                 }));
}

std::string Model::PayloadOf(InodeId inode) const {
  const Node& node = nodes_.at(inode);
  if (!node.is_inline || node.type != proto::REGULAR) return {};
  std::string payload = node.bytes;
  payload.resize(std::min<uint64_t>(node.size_bytes, kDefaultInlineMaxBytes));
  return payload;
}

}  // namespace weft::metadata
