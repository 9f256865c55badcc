#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/access.h"
#include "metadata-server/namespace/atime.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

constexpr uint32_t kMaxPageEntries = 4096;
// Of the reply. An entry is checked after it was added, so that the last one may stand out.
constexpr size_t kMaxPageBytes = 1 << 20;
constexpr size_t kMostEntryBytes = 1024;
static_assert(kMaxPageBytes + kMostEntryBytes < kMaxWireHeaderBytes);

// The first key behind a name.
std::string KeyAfter(InodeId directory, std::string_view name) {
  std::string key = DentryKey(directory, name);
  if (!name.empty()) key.push_back('\0');
  return key;
}

// Fills in an entry's attributes. False: the name has gone since the page was read.
absl::StatusOr<bool> AddAttr(const Core& core, InodeId directory, proto::DirEntry* entry) {
  absl::StatusOr<InodeRecord> inode = ReadInode(*core.store, InodeId(entry->inode_id()));
  if (ErrnoOf(inode.status()) == ESTALE) {
    // Removed, or replaced by another inode, which the name stands for without a gap.
    inode = ReadNamedInode(*core.store, directory, entry->name());
    if (ErrnoOf(inode.status()) == ENOENT) return false;
  }
  WEFT_RETURN_IF_ERROR(inode.status());
  entry->set_inode_id(inode->attr().inode_id());
  entry->set_type(inode->attr().type());
  *entry->mutable_attr() = std::move(*inode->mutable_attr());
  return true;
}

}  // namespace

absl::StatusOr<proto::ReadDirReply> ReadDir(Core& core, const proto::ReadDirRequest& request) {
  const InodeId id(request.inode_id());
  WEFT_ASSIGN_OR_RETURN(const InodeRecord directory, ReadDirectory(*core.store, id));
  WEFT_RETURN_IF_ERROR(May(request.credentials(), directory, kWantRead));
  const uint32_t max_entries = request.max_entries() == 0
                                   ? kMaxPageEntries
                                   : std::min(request.max_entries(), kMaxPageEntries);
  proto::ReadDirReply reply;
  reply.set_parent_id(directory.attr().parent_id());
  reply.set_at_end(true);
  absl::Status failure;
  uint32_t visited_entries = 0;
  size_t page_bytes = 0;
  WEFT_RETURN_IF_ERROR(core.store->Scan(
      Family::kDentry, InodeKey(id), KeyAfter(id, request.after_name()),
      [&](std::string_view key, std::string_view value) {
        // A page may not be empty before the end: the client goes on from its last name.
        const bool is_full = visited_entries >= max_entries || page_bytes >= kMaxPageBytes;
        if (is_full && reply.entries_size() > 0) {
          reply.set_at_end(false);
          return false;
        }
        DentryRecord dentry;
        if (!dentry.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          failure = PosixError(EIO, "the metadata store is damaged: bad directory entry");
          return false;
        }
        ++visited_entries;
        proto::DirEntry* const entry = reply.add_entries();
        entry->set_name(std::string(NameOfKey(key)));
        entry->set_inode_id(dentry.inode_id());
        entry->set_type(dentry.type());
        if (request.want_attrs()) {
          const absl::StatusOr<bool> is_there = AddAttr(core, id, entry);
          failure = is_there.status();
          if (!failure.ok()) return false;
          if (!*is_there) {
            reply.mutable_entries()->RemoveLast();
            return true;
          }
        }
        page_bytes += entry->ByteSizeLong();
        return true;
      }));
  WEFT_RETURN_IF_ERROR(failure);
  if (request.after_name().empty()) NoteRead(core, request.atime(), directory.attr());
  return reply;
}

}  // namespace weft::metadata::ops
