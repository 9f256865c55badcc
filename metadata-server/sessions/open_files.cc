#include "metadata-server/sessions/open_files.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/status.h"

namespace weft::metadata {

absl::Status OpenFiles::Add(SessionId session, InodeId inode, OpenMode mode, uint64_t sequence) {
  MutexLock lock(&mutex_);
  Session& opener = sessions_[session];
  if (opener.IsReported(sequence)) return absl::OkStatus();
  const auto found = opener.opens.find(inode);
  if (found == opener.opens.end() && opener.opens.size() >= kMaxOpenFilesPerSession) {
    return PosixError(ENFILE, "the session has too many files open");
  }
  if (!opener.has_reported) {
    if (opener.unreported.size() >= kMaxUnreportedChanges) {
      return PosixError(ENFILE, "the session does not report what it has open");
    }
    opener.unreported.push_back({sequence, inode, mode, 1});
  }
  Opens opens = found != opener.opens.end() ? found->second : Opens();
  ++opens.of(mode);
  Set(opener, inode, opens);
  return absl::OkStatus();
}

void OpenFiles::Remove(SessionId session, InodeId inode, OpenMode mode, uint64_t sequence) {
  MutexLock lock(&mutex_);
  Session& opener = sessions_[session];
  if (opener.IsReported(sequence)) return;
  // Where there is no room for it, the file stays open longer rather than not long enough.
  if (!opener.has_reported && opener.unreported.size() < kMaxUnreportedChanges) {
    opener.unreported.push_back({sequence, inode, mode, -1});
  }
  const auto found = opener.opens.find(inode);
  if (found == opener.opens.end()) return;
  Opens opens = found->second;
  --opens.of(mode);
  Set(opener, inode, opens);
}

void OpenFiles::RemoveAll(SessionId session, InodeId inode) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found != sessions_.end()) Set(found->second, inode, Opens());
}

void OpenFiles::Forget(SessionId session) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  while (!found->second.opens.empty()) {
    Set(found->second, found->second.opens.begin()->first, Opens());
  }
  sessions_.erase(found);
}

void OpenFiles::Report(SessionId session, const Reported& reported) {
  MutexLock lock(&mutex_);
  Session& opener = sessions_[session];
  if (std::exchange(opener.has_reported, true)) return;
  opener.reported_sequence = reported.sequence;
  opener.except = reported.except;
  OpensByInode opens;
  for (const Reported::Record& record : reported.records) {
    if (opens.size() >= kMaxOpenFilesPerSession && !opens.contains(record.inode)) continue;
    opens[record.inode].of(record.mode) = record.count;
  }
  for (const Change& change : std::exchange(opener.unreported, {})) {
    if (!opener.IsReported(change.sequence)) opens[change.inode].of(change.mode) += change.by;
  }
  // In this order no inode seems closed that is not.
  for (const auto& [inode, how] : opens) Set(opener, inode, how);
  std::vector<InodeId> closed;
  for (const auto& [inode, how] : opener.opens) {
    if (!opens.contains(inode)) closed.push_back(inode);
  }
  for (const InodeId inode : closed) Set(opener, inode, Opens());
}

bool OpenFiles::IsOpen(InodeId inode) const {
  MutexLock lock(&mutex_);
  return inodes_.contains(inode);
}

bool OpenFiles::OthersWrite(SessionId session, InodeId inode) const {
  MutexLock lock(&mutex_);
  const auto openers = inodes_.find(inode);
  if (openers == inodes_.end()) return false;
  uint32_t others = openers->second.writing;
  const auto own = sessions_.find(session);
  if (own != sessions_.end()) {
    const auto opens = own->second.opens.find(inode);
    if (opens != own->second.opens.end() && opens->second.writing > 0) --others;
  }
  return others > 0;
}

bool OpenFiles::IsOpenBy(SessionId session, InodeId inode, OpenMode mode) const {
  MutexLock lock(&mutex_);
  const auto own = sessions_.find(session);
  if (own == sessions_.end()) return false;
  const auto opens = own->second.opens.find(inode);
  if (opens == own->second.opens.end()) return false;
  return (mode == OpenMode::kWriting ? opens->second.writing : opens->second.reading) > 0;
}

std::vector<OpenFiles::OpenInode> OpenFiles::OfSession(SessionId session) const {
  MutexLock lock(&mutex_);
  std::vector<OpenInode> inodes;
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return inodes;
  inodes.reserve(found->second.opens.size());
  for (const auto& [inode, opens] : found->second.opens) {
    inodes.push_back({inode, opens.writing > 0});
  }
  return inodes;
}

uint32_t OpenFiles::CountOf(SessionId session) const {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? 0 : static_cast<uint32_t>(found->second.opens.size());
}

void OpenFiles::Set(Session& session, InodeId inode, Opens opens) {
  opens.reading = std::max<int64_t>(opens.reading, 0);
  opens.writing = std::max<int64_t>(opens.writing, 0);
  const auto found = session.opens.find(inode);
  const Opens before = found != session.opens.end() ? found->second : Opens();
  Openers& openers = inodes_[inode];
  if (opens.is_open() && !before.is_open()) ++openers.all;
  if (!opens.is_open() && before.is_open()) --openers.all;
  if (opens.writing > 0 && before.writing == 0) ++openers.writing;
  if (opens.writing == 0 && before.writing > 0) --openers.writing;
  if (openers.all == 0) inodes_.erase(inode);
  if (opens.is_open()) {
    session.opens[inode] = opens;
  } else if (found != session.opens.end()) {
    session.opens.erase(found);
  }
}

}  // namespace weft::metadata
