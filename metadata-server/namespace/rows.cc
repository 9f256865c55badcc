#include "metadata-server/namespace/rows.h"

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/keys.h"

namespace weft::metadata {
namespace {

// A name that is replaced so often between two reads is not believable.
constexpr int kMaxLookups = 1000;

template <typename Record>
absl::StatusOr<Record> Parse(const std::string& bytes, std::string_view what) {
  Record record;
  if (!record.ParseFromString(bytes)) {
    return PosixError(EIO, "the metadata store is damaged: bad " + std::string(what));
  }
  return record;
}

}  // namespace

absl::StatusOr<InodeRecord> ReadInode(const KvStore& store, InodeId inode) {
  const absl::StatusOr<std::string> row = store.Get(Family::kInode, InodeKey(inode));
  if (!row.ok()) {
    if (ErrnoOf(row.status()) != ENOENT) return row.status();
    return PosixError(ESTALE, "no inode " + std::to_string(inode.value()));
  }
  return Parse<InodeRecord>(*row, "inode");
}

absl::StatusOr<InodeRecord> ReadDirectory(const KvStore& store, InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(InodeRecord directory, ReadInode(store, inode));
  if (!IsDirectory(directory)) return PosixError(ENOTDIR, "not a directory");
  return directory;
}

absl::StatusOr<InodeRecord> ReadLiveDirectory(const KvStore& store, InodeId inode) {
  WEFT_ASSIGN_OR_RETURN(InodeRecord directory, ReadDirectory(store, inode));
  if (directory.attr().nlink() == 0) return PosixError(ENOENT, "the directory was removed");
  return directory;
}

absl::StatusOr<std::optional<DentryRecord>> ReadDentry(const KvStore& store, InodeId directory,
                                                       std::string_view name) {
  const absl::StatusOr<std::string> row = store.Get(Family::kDentry, DentryKey(directory, name));
  if (!row.ok()) {
    if (ErrnoOf(row.status()) != ENOENT) return row.status();
    return std::nullopt;
  }
  WEFT_ASSIGN_OR_RETURN(DentryRecord dentry, Parse<DentryRecord>(*row, "directory entry"));
  return dentry;
}

absl::StatusOr<InodeRecord> ReadNamedInode(const KvStore& store, InodeId directory,
                                           std::string_view name) {
  for (int i = 0; i < kMaxLookups; ++i) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                          ReadDentry(store, directory, name));
    if (!dentry) return PosixError(ENOENT, "no such name");
    absl::StatusOr<InodeRecord> inode = ReadInode(store, IdOf(*dentry));
    if (ErrnoOf(inode.status()) != ESTALE) return inode;
  }
  return PosixError(EIO, "the metadata store is damaged: a name leads to no inode");
}

absl::StatusOr<std::string> ReadInlineBytes(const KvStore& store, const proto::Content& content) {
  absl::StatusOr<std::string> bytes =
      store.Get(Family::kInline, ContentKey(ContentId(content.content_id())));
  if (ErrnoOf(bytes.status()) == ENOENT) return std::string();
  return bytes;
}

absl::Status CheckName(std::string_view name) {
  if (name.empty()) return PosixError(EINVAL, "an empty name");
  if (name.size() > kMaxNameBytes) return PosixError(ENAMETOOLONG, "the name is too long");
  if (name.find('/') != name.npos || name.find('\0') != name.npos) {
    return PosixError(EINVAL, "a name with a slash or a zero byte");
  }
  return absl::OkStatus();
}

bool IsDotName(std::string_view name) { return name == "." || name == ".."; }

}  // namespace weft::metadata
