// What every operation of the adapter needs: the file system behind it, and how to answer.
//
// The operations themselves translate a request, call the Vfs and reply, nothing more; they stand
// in one file per subject, each of which fills its part of libfuse's table. They are called on many
// threads at once and keep no state of their own.
//
// An inode number of the kernel is an InodeId: ids are never used twice, so that there is nothing
// to count or forget and the generation is always 0.
#pragma once

#include <absl/status/statusor.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "client/core/vfs.h"
#include "client/fuse/caller_groups.h"
#include "client/fuse/libfuse.h"
#include "client/fuse/locks.h"
#include "client/fuse/open_directories.h"
#include "common/clock.h"
#include "common/status.h"
#include "proto/types.pb.h"

namespace weft::fuse {

// Of a mode: what is not the file type.
inline constexpr mode_t kPermissionBits = 07777;

// How long the kernel may believe what it was told.
struct CacheTimeouts {
  std::chrono::milliseconds attributes{1000};
  std::chrono::milliseconds entries{1000};
  std::chrono::milliseconds missing_entries{0};
};

// Who keeps locks of files: the kernel, for this mount alone, or the cluster.
enum class LockScope { kLocal, kCluster };

// libfuse's user data of a session. Constant while the session serves.
struct Adapter {
  client::Vfs& vfs;
  CacheTimeouts timeouts;
  std::string mount_json;  // value of the extended attribute "weft.mount"
  LockScope locks = LockScope::kCluster;
  ParkedLocks parked_locks = {};
  CallerGroups groups{&SystemClock()};
  OpenDirectories directories = {};
};

[[nodiscard]] Adapter& AdapterOf(fuse_req_t request);
// Who asks. `kFresh`: with supplementary groups read now, for what they decide beyond yes and no (a
// set-group-id bit that is kept or not) and for what is kept longer than the request.
enum class Groups { kKept, kFresh };
[[nodiscard]] client::Caller CallerOf(fuse_req_t request, Groups groups = Groups::kKept);
// Reads the caller's supplementary groups anew. False: they are what they were.
[[nodiscard]] bool RereadGroups(fuse_req_t request, client::Caller* caller);

[[nodiscard]] inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
[[nodiscard]] const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Calls call(caller), which gives a Status or StatusOr. What is refused for lack of permission is
// called once more where the groups that were kept were out of date.
template <typename Call>
[[nodiscard]] auto AsCaller(fuse_req_t request, Groups groups, const Call& call) {
  client::Caller caller = CallerOf(request, groups);
  auto result = call(caller);
  const int error = ErrnoOf(StatusOf(result));
  if ((error == EACCES || error == EPERM) && RereadGroups(request, &caller)) result = call(caller);
  return result;
}
template <typename Call>
[[nodiscard]] auto AsCaller(fuse_req_t request, const Call& call) {
  return AsCaller(request, Groups::kKept, call);
}

[[nodiscard]] double Seconds(std::chrono::milliseconds duration);

// What stat(2) shows.
[[nodiscard]] struct stat ToStat(const proto::Attr& attr);
// S_IFREG and so on.
[[nodiscard]] mode_t ModeOf(proto::FileType type);
[[nodiscard]] fuse_entry_param ToEntry(const Adapter& adapter, const proto::Attr& attr);

// Each answers the request, once.
void ReplyStatus(fuse_req_t request, const absl::Status& status);
void ReplyAttr(fuse_req_t request, const absl::StatusOr<proto::Attr>& attr);
void ReplyEntry(fuse_req_t request, const absl::StatusOr<proto::Attr>& attr);

// Each fills in the operations of one subject.
void AddNameOperations(fuse_lowlevel_ops* operations);
void AddAttributeOperations(fuse_lowlevel_ops* operations);
void AddFileOperations(fuse_lowlevel_ops* operations);
void AddLockOperations(fuse_lowlevel_ops* operations);
void AddDirectoryOperations(fuse_lowlevel_ops* operations);
void AddXattrOperations(fuse_lowlevel_ops* operations);

}  // namespace weft::fuse
