#include "client/fuse/invalidation.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

namespace weft::fuse {

void Invalidation::Invalidate(InodeId inode) {
  MutexLock lock(&mutex_);
  if (session_ == nullptr) return;
  constexpr off_t kFromStart = 0;
  constexpr off_t kToEnd = 0;
  const int result = fuse_lowlevel_notify_inval_inode(session_, inode.value(), kFromStart, kToEnd);
  // ENOENT: the kernel has nothing of it. ENODEV, ENOTCONN: it is being unmounted.
  if (result != 0 && result != -ENOENT && result != -ENODEV && result != -ENOTCONN) {
    spdlog::warn("the kernel keeps its cache of inode {}: {}", inode.value(),
                 std::strerror(-result));
  }
}

void Invalidation::Close() {
  MutexLock lock(&mutex_);
  session_ = nullptr;
}

}  // namespace weft::fuse
