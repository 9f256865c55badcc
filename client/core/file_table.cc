#include "client/core/file_table.h"

namespace weft::client {

std::shared_ptr<File> FileTable::Get(InodeId inode) {
  MutexLock lock(&mutex_);
  std::weak_ptr<File>& place = files_[inode];
  std::shared_ptr<File> file = place.lock();
  if (file == nullptr) {
    file = std::make_shared<File>(mount_, inode);
    place = file;
  }
  return file;
}

std::shared_ptr<File> FileTable::Find(InodeId inode) const {
  MutexLock lock(&mutex_);
  const auto it = files_.find(inode);
  return it != files_.end() ? it->second.lock() : nullptr;
}

std::vector<std::shared_ptr<File>> FileTable::All() const {
  std::vector<std::shared_ptr<File>> all;
  MutexLock lock(&mutex_);
  all.reserve(files_.size());
  for (const auto& [inode, weak] : files_) {
    if (auto file = weak.lock()) all.push_back(std::move(file));
  }
  return all;  // a file whose last holder this becomes ends after the lock is gone
}

void FileTable::Forget(InodeId inode) {
  MutexLock lock(&mutex_);
  const auto it = files_.find(inode);
  if (it != files_.end() && it->second.expired()) files_.erase(it);
}

SeenFiles::Seen SeenFiles::Of(const proto::Attr& attr) {
  return {attr.content().content_id(), attr.era(), attr.change(), attr.size_bytes(),
          attr.mtime_ns()};
}

void SeenFiles::Remember(const proto::Attr& attr) {
  MutexLock lock(&mutex_);
  if (seen_.size() >= kMaxSeen) seen_.clear();
  seen_[InodeId(attr.inode_id())] = Of(attr);
}

void SeenFiles::Forget(InodeId inode) {
  MutexLock lock(&mutex_);
  seen_.erase(inode);
}

bool SeenFiles::IsUnchanged(const proto::Attr& attr) const {
  MutexLock lock(&mutex_);
  const auto it = seen_.find(InodeId(attr.inode_id()));
  return it != seen_.end() && it->second == Of(attr);
}

}  // namespace weft::client
