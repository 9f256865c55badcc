#include "client/fuse/workers.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "common/unique_fd.h"

namespace weft::fuse {
namespace {

constexpr char kDevice[] = "/dev/fuse";

// The calling thread's own descriptor of the connection; -1: it uses the session's. A reply must go
// over the descriptor that its request came from, and operations answer on the thread that read.
thread_local int own_device = -1;

int DeviceOf(int session_fd) { return own_device >= 0 ? own_device : session_fd; }

ssize_t ReadDevice(int fd, void* to, size_t size, void* /*userdata*/) {
  return ::read(DeviceOf(fd), to, size);
}

ssize_t WriteDevice(int fd, iovec* pieces, int count, void* /*userdata*/) {
  return ::writev(DeviceOf(fd), pieces, count);
}

// Not open where the kernel does not do it.
UniqueFd CloneDevice(int session_fd) {
  UniqueFd clone(::open(kDevice, O_RDWR | O_CLOEXEC));
  uint32_t source = static_cast<uint32_t>(session_fd);
  if (!clone.is_open() || ::ioctl(clone.get(), FUSE_DEV_IOC_CLONE, &source) != 0) {
    spdlog::debug("no own descriptor for a thread: {}", std::strerror(errno));
    return UniqueFd();
  }
  return clone;
}

// libfuse allocates it with the first request.
struct RequestBuffer {
  fuse_buf buffer = {};
  ~RequestBuffer() { std::free(buffer.mem); }
};

}  // namespace

Workers::Workers(fuse_session* session, uint32_t max_threads)
    : session_(session), max_threads_(max_threads) {
  constexpr fuse_custom_io kIo = {.writev = WriteDevice, .read = ReadDevice};
  fuse_session_custom_io(session_, &kIo, fuse_session_fd(session_));
  StartOne();
}

Workers::~Workers() {
  WaitForEnd();
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void Workers::WaitForEnd() {
  MutexLock lock(&mutex_);
  while (serving_ > 0) ended_.Wait(&mutex_);
}

void Workers::StartOne() {
  MutexLock lock(&mutex_);
  if (threads_.size() >= max_threads_) return;
  waiting_.fetch_add(1, std::memory_order_relaxed);
  try {
    threads_.emplace_back([this] { Serve(); });
    ++serving_;
  } catch (const std::system_error& error) {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    spdlog::warn("{} threads serve requests, and no more can be started: {}", threads_.size(),
                 error.what());
  }
}

void Workers::Serve() {
  const UniqueFd device = CloneDevice(fuse_session_fd(session_));
  own_device = device.get();
  ServeRequests();
  own_device = -1;
  Leave();
}

void Workers::ServeRequests() {
  RequestBuffer request;
  while (fuse_session_exited(session_) == 0) {
    const int size = fuse_session_receive_buf(session_, &request.buffer);
    if (size == -EINTR || size == -EAGAIN) continue;
    if (size <= 0) {
      // 0: unmounted. Anything else: the connection is of no more use.
      if (size < 0) spdlog::error("reading requests from the kernel: {}", std::strerror(-size));
      fuse_session_exit(session_);
      break;
    }
    if (waiting_.fetch_sub(1, std::memory_order_relaxed) == 1) StartOne();
    fuse_session_process_buf(session_, &request.buffer);
    waiting_.fetch_add(1, std::memory_order_relaxed);
  }
}

void Workers::Leave() {
  MutexLock lock(&mutex_);
  if (--serving_ == 0) ended_.SignalAll();
}

}  // namespace weft::fuse
