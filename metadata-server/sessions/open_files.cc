#include "metadata-server/sessions/open_files.h"

#include "common/status.h"

namespace weft::metadata {

absl::Status OpenFiles::Add(SessionId session, InodeId inode, OpenMode mode) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(Opens* const opens, Entry(session, inode));
  ++opens->of(mode).counted;
  return absl::OkStatus();
}

void OpenFiles::Remove(SessionId session, InodeId inode, OpenMode mode) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  const auto opens = found->second.find(inode);
  if (opens == found->second.end()) return;
  Count& count = opens->second.of(mode);
  if (count.reported > 0) {
    --count.reported;
  } else if (count.counted > 0) {
    --count.counted;
  }
  DropIfZero(session, inode);
}

void OpenFiles::RemoveAll(SessionId session, InodeId inode) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || !found->second.contains(inode)) return;
  Drop(&found->second, inode);
  if (found->second.empty()) sessions_.erase(found);
}

absl::Status OpenFiles::Report(SessionId session, InodeId inode, OpenMode mode, uint32_t count) {
  MutexLock lock(&mutex_);
  WEFT_ASSIGN_OR_RETURN(Opens* const opens, Entry(session, inode));
  opens->of(mode).reported = count;
  DropIfZero(session, inode);
  return absl::OkStatus();
}

bool OpenFiles::IsOpen(InodeId inode) const {
  MutexLock lock(&mutex_);
  return inodes_.contains(inode);
}

bool OpenFiles::IsOpenBy(SessionId session, InodeId inode, OpenMode mode) const {
  MutexLock lock(&mutex_);
  const auto opens = sessions_.find(session);
  if (opens == sessions_.end()) return false;
  const auto found = opens->second.find(inode);
  if (found == opens->second.end()) return false;
  return mode == OpenMode::kWriting ? !found->second.writing.is_zero()
                                    : !found->second.reading.is_zero();
}

std::vector<OpenFiles::OpenInode> OpenFiles::OfSession(SessionId session) const {
  MutexLock lock(&mutex_);
  std::vector<OpenInode> inodes;
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return inodes;
  inodes.reserve(found->second.size());
  for (const auto& [inode, opens] : found->second) {
    inodes.push_back({inode, !opens.writing.is_zero()});
  }
  return inodes;
}

uint32_t OpenFiles::CountOf(SessionId session) const {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? 0 : static_cast<uint32_t>(found->second.size());
}

absl::StatusOr<OpenFiles::Opens*> OpenFiles::Entry(SessionId session, InodeId inode) {
  OpensOfSession& opens = sessions_[session];
  if (opens.size() >= kMaxOpenFilesPerSession && !opens.contains(inode)) {
    return PosixError(ENFILE, "the session has too many files open");
  }
  const auto [entry, is_new] = opens.try_emplace(inode);
  if (is_new) ++inodes_[inode];
  return &entry->second;
}

void OpenFiles::DropIfZero(SessionId session, InodeId inode) {
  const auto found = sessions_.find(session);
  const Opens& opens = found->second.at(inode);
  if (!opens.reading.is_zero() || !opens.writing.is_zero()) return;
  Drop(&found->second, inode);
  if (found->second.empty()) sessions_.erase(found);
}

void OpenFiles::Drop(OpensOfSession* opens, InodeId inode) {
  opens->erase(inode);
  const auto sessions = inodes_.find(inode);
  if (--sessions->second == 0) inodes_.erase(sessions);
}

}  // namespace weft::metadata
