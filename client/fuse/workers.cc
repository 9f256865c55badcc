#include "client/fuse/workers.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace weft::fuse {
namespace {

constexpr char kDevice[] = "/dev/fuse";
constexpr int kWakeSignal = SIGUSR1;
// A signal that comes just before the thread waits is lost: it is sent again.
constexpr std::chrono::milliseconds kWakeAgain{5};

// The calling thread's own descriptor of the connection; none: it uses the session's. A reply must
// go over the descriptor that its request came from: most operations answer on the thread that
// read, the others see to it (RequestDevice).
thread_local std::shared_ptr<const UniqueFd> own_device;

int DeviceOf(int session_fd) { return own_device != nullptr ? own_device->get() : session_fd; }

ssize_t ReadDevice(int fd, void* to, size_t size, void* /*userdata*/) {
  return ::read(DeviceOf(fd), to, size);
}

ssize_t WriteDevice(int fd, iovec* pieces, int count, void* /*userdata*/) {
  return ::writev(DeviceOf(fd), pieces, count);
}

// None where the kernel does not do it.
std::shared_ptr<const UniqueFd> CloneDevice(int session_fd) {
  UniqueFd clone(::open(kDevice, O_RDWR | O_CLOEXEC));
  uint32_t source = static_cast<uint32_t>(session_fd);
  if (!clone.is_open() || ::ioctl(clone.get(), FUSE_DEV_IOC_CLONE, &source) != 0) {
    spdlog::debug("no own descriptor for a thread: {}", std::strerror(errno));
    return nullptr;
  }
  return std::make_shared<const UniqueFd>(std::move(clone));
}

// Interrupts a system call, and does nothing else.
void TakeWakeSignal() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ::sigaction(kWakeSignal, &action, nullptr);
}

// libfuse allocates it with the first request.
struct RequestBuffer {
  fuse_buf buffer = {};
  ~RequestBuffer() { std::free(buffer.mem); }
};

}  // namespace

RequestDevice RequestDevice::Current() {
  RequestDevice current;
  current.device_ = own_device;
  return current;
}

RequestDevice::Use::Use(const RequestDevice& device)
    : before_(std::exchange(own_device, device.device_)) {}

RequestDevice::Use::~Use() { own_device = std::move(before_); }

Workers::Workers(fuse_session* session, uint32_t max_threads)
    : session_(session), max_threads_(max_threads) {
  constexpr fuse_custom_io kIo = {.writev = WriteDevice, .read = ReadDevice};
  fuse_session_custom_io(session_, &kIo, fuse_session_fd(session_));
  TakeWakeSignal();
  StartOne();
}

Workers::~Workers() {
  Stop();
  std::deque<Worker> workers;
  {
    MutexLock lock(&mutex_);
    workers.swap(workers_);
  }
  for (Worker& worker : workers) worker.thread.join();
}

void Workers::WaitForEnd() {
  MutexLock lock(&mutex_);
  while (serving_ > 0) ended_.Wait(&mutex_);
}

bool Workers::Drain(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  // What was read before the queue was seen empty is answered once all threads have come round;
  // what the kernel held back (its bound on background requests) may have come meanwhile.
  while (std::chrono::steady_clock::now() < deadline) {
    if (RequestsWait()) {
      std::this_thread::sleep_for(kWakeAgain);
      continue;
    }
    if (AllReach(round_.fetch_add(1) + 1, deadline) && !RequestsWait()) return true;
  }
  return false;
}

void Workers::Stop() {
  fuse_session_exit(session_);
  AllReach(UINT64_MAX, std::chrono::steady_clock::time_point::max());
}

bool Workers::AllReach(uint64_t round, std::chrono::steady_clock::time_point deadline) {
  while (!WakeBehind(round)) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kWakeAgain);
  }
  return true;
}

bool Workers::WakeBehind(uint64_t round) {
  MutexLock lock(&mutex_);
  bool none = true;
  for (Worker& worker : workers_) {
    if (worker.round.load() >= round) continue;
    none = false;
    ::pthread_kill(worker.thread.native_handle(), kWakeSignal);
  }
  return none;
}

bool Workers::RequestsWait() const {
  pollfd device = {.fd = fuse_session_fd(session_), .events = POLLIN};
  return ::poll(&device, 1, 0) > 0 && (device.revents & POLLIN) != 0;
}

void Workers::StartOne() {
  MutexLock lock(&mutex_);
  if (workers_.size() >= max_threads_) return;
  waiting_.fetch_add(1, std::memory_order_relaxed);
  Worker& worker = workers_.emplace_back();
  try {
    worker.thread = std::thread([this, &worker] { Serve(worker); });
    ++serving_;
  } catch (const std::system_error& error) {
    workers_.pop_back();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    spdlog::warn("{} threads serve requests, and no more can be started: {}", workers_.size(),
                 error.what());
  }
}

void Workers::Serve(Worker& self) {
  own_device = CloneDevice(fuse_session_fd(session_));
  ServeRequests(self);
  own_device.reset();
  Leave(self);
}

void Workers::ServeRequests(Worker& self) {
  RequestBuffer request;
  for (;;) {
    self.round.store(round_.load());
    if (fuse_session_exited(session_) != 0) return;
    const int size = fuse_session_receive_buf(session_, &request.buffer);
    if (size == -EINTR || size == -EAGAIN) continue;
    if (size <= 0) {
      // 0: unmounted. Anything else: the connection is of no more use.
      if (size < 0) spdlog::error("reading requests from the kernel: {}", std::strerror(-size));
      fuse_session_exit(session_);
      return;
    }
    if (waiting_.fetch_sub(1, std::memory_order_relaxed) == 1) StartOne();
    fuse_session_process_buf(session_, &request.buffer);
    waiting_.fetch_add(1, std::memory_order_relaxed);
  }
}

void Workers::Leave(Worker& self) {
  self.round.store(UINT64_MAX);
  MutexLock lock(&mutex_);
  if (--serving_ == 0) ended_.SignalAll();
}

}  // namespace weft::fuse
