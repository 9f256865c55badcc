#include "client/fuse/adapter.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/status.h"

namespace weft::fuse {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kStatBlockBytes = 512;  // unit of st_blocks, whatever the file system
// What stdio, Python and others take as the size of their buffers: large enough that their small
// writes do not become as many requests, small enough that reading a few bytes here and there does
// not read far more than asked.
constexpr uint32_t kPreferredIoBytes = 64 * 1024;

// Root needs none, and a caller in another process namespace has no number here (0).
bool HasGroups(const fuse_ctx& context) { return context.uid != 0 && context.pid != 0; }

CallerGroups::Key KeyOf(const fuse_ctx& context) {
  return {.thread = context.pid, .uid = context.uid, .gid = context.gid};
}

std::vector<uint32_t> ReadGroups(fuse_req_t request) {
  constexpr int kUsual = 64;
  std::vector<gid_t> groups(kUsual);
  int count = fuse_req_getgroups(request, kUsual, groups.data());
  if (count > kUsual) {
    groups.resize(static_cast<size_t>(count));
    count = std::min(count, fuse_req_getgroups(request, count, groups.data()));
  }
  groups.resize(static_cast<size_t>(std::max(count, 0)));  // the thread may have ended
  return groups;
}

timespec ToTimespec(int64_t ns) {
  int64_t seconds = ns / kNsPerSecond;
  int64_t rest = ns % kNsPerSecond;
  if (rest < 0) {  // before 1970
    --seconds;
    rest += kNsPerSecond;
  }
  return {.tv_sec = seconds, .tv_nsec = rest};
}

}  // namespace

Adapter& AdapterOf(fuse_req_t request) {
  return *static_cast<Adapter*>(fuse_req_userdata(request));
}

client::Caller CallerOf(fuse_req_t request, Groups groups) {
  const fuse_ctx* const context = fuse_req_ctx(request);
  client::Caller caller{
      .uid = context->uid, .gid = context->gid, .umask = context->umask, .groups = nullptr};
  if (!HasGroups(*context)) return caller;
  CallerGroups& known = AdapterOf(request).groups;
  const auto read = [request] { return ReadGroups(request); };
  caller.groups = groups == Groups::kKept ? known.Get(KeyOf(*context), read)
                                          : known.Reread(KeyOf(*context), read);
  return caller;
}

bool RereadGroups(fuse_req_t request, client::Caller* caller) {
  const fuse_ctx* const context = fuse_req_ctx(request);
  if (!HasGroups(*context)) return false;
  const CallerGroups::Groups before = caller->groups;
  caller->groups =
      AdapterOf(request).groups.Reread(KeyOf(*context), [request] { return ReadGroups(request); });
  return before == nullptr || *before != *caller->groups;
}

double Seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

mode_t ModeOf(proto::FileType type) {
  switch (type) {
    case proto::REGULAR:
      return S_IFREG;
    case proto::DIRECTORY:
      return S_IFDIR;
    case proto::SYMLINK:
      return S_IFLNK;
    case proto::FIFO:
      return S_IFIFO;
    case proto::SOCKET:
      return S_IFSOCK;
    case proto::CHARACTER_DEVICE:
      return S_IFCHR;
    case proto::BLOCK_DEVICE:
      return S_IFBLK;
    default:
      return 0;
  }
}

struct stat ToStat(const proto::Attr& attr) {
  struct stat stat = {};
  stat.st_ino = attr.inode_id();
  stat.st_mode = ModeOf(attr.type()) | attr.permissions();
  stat.st_nlink = attr.nlink();
  stat.st_uid = attr.uid();
  stat.st_gid = attr.gid();
  stat.st_rdev = attr.rdev();
  stat.st_size = static_cast<off_t>(attr.size_bytes());
  stat.st_blksize = kPreferredIoBytes;
  stat.st_blocks = static_cast<blkcnt_t>(attr.used_bytes() / kStatBlockBytes);
  stat.st_atim = ToTimespec(attr.atime_ns());
  stat.st_mtim = ToTimespec(attr.mtime_ns());
  stat.st_ctim = ToTimespec(attr.ctime_ns());
  return stat;
}

fuse_entry_param ToEntry(const Adapter& adapter, const proto::Attr& attr) {
  fuse_entry_param entry = {};
  entry.ino = attr.inode_id();
  entry.attr = ToStat(attr);
  entry.attr_timeout = Seconds(adapter.timeouts.attributes);
  entry.entry_timeout = Seconds(adapter.timeouts.entries);
  return entry;
}

void ReplyStatus(fuse_req_t request, const absl::Status& status) {
  // The application sees only the number.
  if (!status.ok()) spdlog::debug("answered {}: {}", ErrnoOf(status), MessageOf(status));
  fuse_reply_err(request, ErrnoOf(status));
}

void ReplyAttr(fuse_req_t request, const absl::StatusOr<proto::Attr>& attr) {
  if (!attr.ok()) return ReplyStatus(request, attr.status());
  const struct stat stat = ToStat(*attr);
  fuse_reply_attr(request, &stat, Seconds(AdapterOf(request).timeouts.attributes));
}

void ReplyEntry(fuse_req_t request, const absl::StatusOr<proto::Attr>& attr) {
  if (!attr.ok()) return ReplyStatus(request, attr.status());
  const fuse_entry_param entry = ToEntry(AdapterOf(request), *attr);
  fuse_reply_entry(request, &entry);
}

}  // namespace weft::fuse
