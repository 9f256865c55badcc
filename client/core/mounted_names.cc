// MountedVfs: names and attributes.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <utility>

#include "client/core/mounted_vfs.h"
#include "common/status.h"

namespace weft::client {
namespace {

std::string Bytes(std::string_view name) { return std::string(name); }

// Chunks that one Locate asks for at once.
constexpr uint32_t kMaxLocated = 4096;
// The kernel asks for these by itself, of almost every file; few have them.
constexpr std::string_view kOftenAsked[] = {"security.capability", "system.posix_acl_access",
                                            "system.posix_acl_default"};

}  // namespace

proto::Attr MountedVfs::Merge(const proto::Attr& attr, File::Origin origin) {
  plain_.Note(attr, std::chrono::steady_clock::now());
  if (attr.type() != proto::REGULAR) return attr;
  const auto file = files_.Find(InodeId(attr.inode_id()));
  if (file == nullptr) return attr;
  file->Adopt(attr, origin);
  return file->attr();
}

absl::StatusOr<proto::Attr> MountedVfs::Lookup(Caller caller, InodeId parent,
                                               std::string_view name) {
  proto::LookupRequest request;
  request.set_parent_id(parent.value());
  request.set_name(Bytes(name));
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.Lookup(caller, std::move(request)));
  return Merge(reply.attr(), File::Origin::kServer);
}

absl::StatusOr<proto::Attr> MountedVfs::GetAttr(InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.GetAttr(inode));
  return Merge(reply.attr(), File::Origin::kServer);
}

absl::StatusOr<proto::Attr> MountedVfs::SetAttr(Caller caller, InodeId inode,
                                                const AttrChanges& changes) {
  proto::SetAttrRequest request;
  request.set_inode_id(inode.value());
  if (changes.permissions) request.set_permissions(*changes.permissions);
  if (changes.uid) request.set_uid(*changes.uid);
  if (changes.gid) request.set_gid(*changes.gid);
  if (changes.size_bytes) request.set_size_bytes(*changes.size_bytes);
  if (changes.atime_ns) request.set_atime_ns(*changes.atime_ns);
  if (changes.mtime_ns) request.set_mtime_ns(*changes.mtime_ns);
  request.set_atime_now(changes.atime_now);
  request.set_mtime_now(changes.mtime_now);
  request.set_clear_set_id(changes.clear_set_id);
  request.set_by_open_file(changes.by_open_file);
  // A change of the size goes through the file even where nobody has it open: whoever opens it
  // meanwhile must see the new content.
  const auto file = changes.size_bytes ? files_.Get(inode) : files_.Find(inode);
  if (file != nullptr) return file->SetAttr(caller, request);
  WEFT_ASSIGN_OR_RETURN(auto reply, metadata_.SetAttr(caller, std::move(request)));
  return std::move(*reply.mutable_attr());
}

absl::StatusOr<proto::Attr> MountedVfs::MakeNode(Caller caller, InodeId parent,
                                                 std::string_view name, proto::FileType type,
                                                 uint32_t permissions, uint32_t rdev,
                                                 std::string_view symlink_target) {
  proto::MakeNodeRequest request;
  request.set_parent_id(parent.value());
  request.set_name(Bytes(name));
  request.set_type(type);
  request.set_permissions(permissions);
  request.set_umask(caller.umask);
  request.set_rdev(rdev);
  request.set_symlink_target(Bytes(symlink_target));
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.MakeNode(caller, std::move(request)));
  return Merge(reply.attr(), File::Origin::kOurChange);
}

absl::StatusOr<proto::Attr> MountedVfs::Link(Caller caller, InodeId inode, InodeId new_parent,
                                             std::string_view new_name) {
  proto::LinkRequest request;
  request.set_inode_id(inode.value());
  request.set_new_parent_id(new_parent.value());
  request.set_new_name(Bytes(new_name));
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.Link(caller, std::move(request)));
  return Merge(reply.attr(), File::Origin::kOurChange);
}

absl::Status MountedVfs::Unlink(Caller caller, InodeId parent, std::string_view name) {
  proto::UnlinkRequest request;
  request.set_parent_id(parent.value());
  request.set_name(Bytes(name));
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.Unlink(caller, std::move(request)));
  Merge(reply.attr(), File::Origin::kOurChange);
  if (reply.attr().nlink() == 0) seen_.Forget(InodeId(reply.attr().inode_id()));
  return absl::OkStatus();
}

absl::Status MountedVfs::Rmdir(Caller caller, InodeId parent, std::string_view name) {
  proto::RmdirRequest request;
  request.set_parent_id(parent.value());
  request.set_name(Bytes(name));
  return metadata_.Rmdir(caller, std::move(request)).status();
}

absl::Status MountedVfs::Rename(Caller caller, InodeId parent, std::string_view name,
                                InodeId new_parent, std::string_view new_name, bool no_replace,
                                bool exchange) {
  proto::RenameRequest request;
  request.set_parent_id(parent.value());
  request.set_name(Bytes(name));
  request.set_new_parent_id(new_parent.value());
  request.set_new_name(Bytes(new_name));
  request.set_no_replace(no_replace);
  request.set_exchange(exchange);
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.Rename(caller, std::move(request)));
  Merge(reply.moved(), File::Origin::kOurChange);
  if (reply.has_replaced()) Merge(reply.replaced(), File::Origin::kOurChange);
  return absl::OkStatus();
}

absl::StatusOr<std::string> MountedVfs::ReadLink(InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(auto reply, metadata_.ReadLink(inode, AtimePolicyOfMount()));
  return std::move(*reply.mutable_target());
}

absl::StatusOr<DirPage> MountedVfs::ReadDir(Caller caller, InodeId directory,
                                            std::string_view after_name, uint32_t max_entries,
                                            bool want_attrs) {
  proto::ReadDirRequest request;
  request.set_inode_id(directory.value());
  request.set_after_name(Bytes(after_name));
  request.set_max_entries(max_entries);
  request.set_want_attrs(want_attrs);
  request.set_atime(options_.directory_atime ? AtimePolicyOfMount() : proto::NO_ATIME);
  WEFT_ASSIGN_OR_RETURN(auto reply, metadata_.ReadDir(caller, std::move(request)));
  DirPage page;
  page.at_end = reply.at_end();
  page.parent = InodeId(reply.parent_id());
  page.entries.reserve(static_cast<size_t>(reply.entries_size()));
  for (proto::DirEntry& entry : *reply.mutable_entries()) {
    if (want_attrs) *entry.mutable_attr() = Merge(entry.attr(), File::Origin::kServer);
    page.entries.push_back(std::move(entry));
  }
  return page;
}

bool MountedVfs::IsKnownPlain(InodeId inode) {
  const auto file = files_.Find(inode);
  const proto::Attr known = file == nullptr ? proto::Attr() : file->server_attr();
  if (known.inode_id() != 0) return !known.has_xattrs();
  return plain_.Contains(inode, std::chrono::steady_clock::now());
}

absl::StatusOr<std::string> MountedVfs::GetXattr(Caller caller, InodeId inode,
                                                 std::string_view name) {
  // Before each write(2), and after each lookup: a round trip would make small writes, and all work
  // of who does not own the files, several times slower.
  if (std::find(std::begin(kOftenAsked), std::end(kOftenAsked), name) != std::end(kOftenAsked) &&
      IsKnownPlain(inode)) {
    return PosixError(ENODATA, "the file has no extended attributes");
  }
  proto::GetXattrRequest request;
  request.set_inode_id(inode.value());
  request.set_name(Bytes(name));
  WEFT_ASSIGN_OR_RETURN(auto reply, metadata_.GetXattr(caller, std::move(request)));
  return std::move(*reply.mutable_value());
}

absl::Status MountedVfs::SetXattr(Caller caller, InodeId inode, std::string_view name,
                                  std::string_view value, bool create_only, bool replace_only) {
  proto::SetXattrRequest request;
  request.set_inode_id(inode.value());
  request.set_name(Bytes(name));
  request.set_value(Bytes(value));
  request.set_create_only(create_only);
  request.set_replace_only(replace_only);
  WEFT_RETURN_IF_ERROR(metadata_.SetXattr(caller, std::move(request)).status());
  plain_.Forget(inode);
  // An open file learns that it has attributes now (see GetXattr); it is set, whatever comes of it.
  if (files_.Find(inode) != nullptr) static_cast<void>(GetAttr(inode));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MountedVfs::ListXattr(Caller caller, InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.ListXattr(caller, inode));
  return std::vector<std::string>(reply.names().begin(), reply.names().end());
}

absl::Status MountedVfs::RemoveXattr(Caller caller, InodeId inode, std::string_view name) {
  proto::RemoveXattrRequest request;
  request.set_inode_id(inode.value());
  request.set_name(Bytes(name));
  return metadata_.RemoveXattr(caller, std::move(request)).status();
}

absl::StatusOr<proto::Layout> MountedVfs::GetLayout(InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(auto reply, metadata_.GetLayout(inode));
  return std::move(*reply.mutable_layout());
}

absl::Status MountedVfs::SetLayout(Caller caller, InodeId inode, const proto::Layout& layout) {
  proto::SetLayoutRequest request;
  request.set_inode_id(inode.value());
  *request.mutable_layout() = layout;
  return metadata_.SetLayout(caller, std::move(request)).status();
}

absl::StatusOr<std::string> MountedVfs::GetPath(InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(auto reply, metadata_.GetPath(inode));
  return std::move(*reply.mutable_path());
}

absl::StatusOr<std::vector<ChunkPlace>> MountedVfs::Locate(InodeId inode, uint32_t first,
                                                           uint32_t count) {
  WEFT_ASSIGN_OR_RETURN(const auto reply, metadata_.GetAttr(inode));
  const proto::Attr& attr = reply.attr();
  if (attr.type() != proto::REGULAR) return PosixError(EINVAL, "not a regular file");
  std::vector<ChunkPlace> places;
  if (attr.content().is_inline() || attr.size_bytes() == 0) return places;
  const uint64_t chunks = ((attr.size_bytes() - 1) >> attr.content().chunk_bytes_log2()) + 1;
  const uint64_t end = std::min<uint64_t>(chunks, uint64_t{first} + count);
  for (uint64_t at = first; at < end; at += kMaxLocated) {
    const auto some = static_cast<uint32_t>(std::min<uint64_t>(kMaxLocated, end - at));
    WEFT_ASSIGN_OR_RETURN(const auto part,
                          chunk_io_.Locate(attr.content(), static_cast<uint32_t>(at), some));
    places.insert(places.end(), part.begin(), part.end());
  }
  return places;
}

void MountedVfs::OnInvalidate(std::function<void(InodeId inode)> callback) {
  invalidator_.SetCallback(std::move(callback));
}

}  // namespace weft::client
