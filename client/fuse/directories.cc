// Operations on open directories: opendir, readdir, readdirplus, releasedir, fsyncdir.
//
// A directory handle of the kernel is one of OpenDirectories.
#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "client/fuse/adapter.h"
#include "client/fuse/dir_stream.h"
#include "common/status.h"

namespace weft::fuse {
namespace {

enum class Format { kNames, kNamesAndAttributes };

// Smallest entries, which have names of 1 to 8 bytes: with these, nothing that fits is left out.
constexpr size_t kSmallestEntryBytes = 32;
constexpr size_t kSmallestEntryPlusBytes = 160;
// Of one answer; the kernel asks for less.
constexpr size_t kMaxAnswerBytes = size_t{1} << 20;

void OpenDir(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  Adapter& adapter = AdapterOf(request);
  file->fh = adapter.directories.Add(
      std::make_unique<DirStream>(adapter.vfs, CallerOf(request, Groups::kFresh), InodeId(inode)));
  // The caller was killed meanwhile: nobody releases it.
  if (fuse_reply_open(request, file) == -ENOENT) adapter.directories.Remove(file->fh);
}

void ReleaseDir(fuse_req_t request, fuse_ino_t /*inode*/, fuse_file_info* file) {
  AdapterOf(request).directories.Remove(file->fh);
  fuse_reply_err(request, 0);
}

struct Answer {
  explicit Answer(size_t size) : bytes(size) {}
  std::vector<char> bytes;
  size_t used = 0;
};

size_t AddName(fuse_req_t request, const DirStream::Entry& entry, char* to, size_t room) {
  struct stat stat = {};
  stat.st_ino = entry.inode.value();
  stat.st_mode = ModeOf(entry.type);
  return fuse_add_direntry(request, to, room, std::string(entry.name).c_str(), &stat,
                           entry.position);
}

size_t AddNameAndAttributes(fuse_req_t request, const DirStream::Entry& entry, char* to,
                            size_t room) {
  fuse_entry_param param = {};  // inode 0: attributes not told, the kernel looks them up
  if (entry.attr != nullptr) {
    param = ToEntry(AdapterOf(request), *entry.attr);
  } else {
    param.attr.st_ino = entry.inode.value();
    param.attr.st_mode = ModeOf(entry.type);
  }
  return fuse_add_direntry_plus(request, to, room, std::string(entry.name).c_str(), &param,
                                entry.position);
}

void ReadEntries(fuse_req_t request, size_t size, off_t offset, const fuse_file_info* file,
                 Format format) {
  const bool plus = format == Format::kNamesAndAttributes;
  Answer answer(std::min(size, kMaxAnswerBytes));
  const size_t most = answer.bytes.size() / (plus ? kSmallestEntryPlusBytes : kSmallestEntryBytes);
  const auto take = [&](const DirStream::Entry& entry) {
    char* const to = answer.bytes.data() + answer.used;
    const size_t room = answer.bytes.size() - answer.used;
    const size_t needed =
        plus ? AddNameAndAttributes(request, entry, to, room) : AddName(request, entry, to, room);
    if (needed > room) return false;
    answer.used += needed;
    return true;
  };
  const absl::Status status = OpenDirectories::Of(file->fh).Read(
      offset, static_cast<uint32_t>(std::max<size_t>(most, 1)), plus, take);
  // What was already taken is answered; the error comes again with the next request.
  if (!status.ok() && answer.used == 0) return ReplyStatus(request, status);
  fuse_reply_buf(request, answer.bytes.data(), answer.used);
}

void ReadDir(fuse_req_t request, fuse_ino_t /*inode*/, size_t size, off_t offset,
             fuse_file_info* file) {
  ReadEntries(request, size, offset, file, Format::kNames);
}

void ReadDirPlus(fuse_req_t request, fuse_ino_t /*inode*/, size_t size, off_t offset,
                 fuse_file_info* file) {
  ReadEntries(request, size, offset, file, Format::kNamesAndAttributes);
}

void FsyncDir(fuse_req_t request, fuse_ino_t /*inode*/, int /*data_only*/,
              fuse_file_info* /*file*/) {
  ReplyStatus(request, AdapterOf(request).vfs.FsyncDirectory());
}

}  // namespace

void AddDirectoryOperations(fuse_lowlevel_ops* operations) {
  operations->opendir = OpenDir;
  operations->readdir = ReadDir;
  operations->readdirplus = ReadDirPlus;
  operations->releasedir = ReleaseDir;
  operations->fsyncdir = FsyncDir;
}

}  // namespace weft::fuse
