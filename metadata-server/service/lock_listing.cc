#include "metadata-server/service/lock_listing.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace weft::metadata {
namespace {

std::string PathOf(Namespace& names, uint64_t inode) {
  proto::GetPathRequest request;
  request.set_inode_id(inode);
  const absl::StatusOr<proto::GetPathReply> reply = names.GetPath(request);
  return reply.ok() ? reply->path() : "";
}

}  // namespace

proto::ListLocksReply ListLocks(const proto::ListLocksRequest& request, const SessionLocks& locks,
                                const SessionTable& sessions, Namespace& names,
                                const Clock& clock) {
  const uint32_t max =
      request.max_locks() == 0 ? kMaxListedLocks : std::min(request.max_locks(), kMaxListedLocks);
  const auto [entries, is_truncated] = locks.List(InodeId(request.inode_id()), max);
  absl::flat_hash_map<SessionId, proto::OpenSessionRequest> clients;
  for (SessionInfo& info : sessions.List()) clients.emplace(info.id, std::move(info.client));
  proto::ListLocksReply reply;
  reply.set_truncated(is_truncated);
  reply.set_sessions_awaited(static_cast<uint32_t>(locks.awaited()));
  std::string path;
  for (const FileLocks::Entry& entry : entries) {
    const bool is_first = reply.locks_size() == 0;
    const uint64_t inode = entry.lock.inode.value();
    if (is_first || reply.locks().rbegin()->lock().inode_id() != inode) path = PathOf(names, inode);
    proto::LockInfo* const info = reply.add_locks();
    *info->mutable_lock() = ToProto(entry.lock);
    info->set_path(path);
    info->set_session_id(entry.lock.owner.session.value());
    if (const auto client = clients.find(entry.lock.owner.session); client != clients.end()) {
      info->set_host(client->second.host());
      info->set_mount_point(client->second.mount_point());
    }
    info->set_waiting(entry.waiting);
    if (!entry.waiting) continue;
    info->set_waiting_ms(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - entry.since).count()));
  }
  return reply;
}

}  // namespace weft::metadata
