#include "client/fuse/session.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "client/fuse/libfuse_log.h"
#include "client/fuse/unmount.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace weft::fuse {
namespace {

constexpr uint32_t kMaxRequestBytes = 1u << 20;  // of one read or write
// Requests that no caller waits for (read-ahead, write-back): enough for several streams that read
// ahead at once. The kernel holds back above the second figure.
constexpr uint32_t kMaxBackgroundRequests = 256;
constexpr uint32_t kCongestionThreshold = 192;

// For which a busy mount that is unmounted waits until mapped pages are written.
constexpr std::chrono::milliseconds kMaxDrain{10'000};

constexpr uint32_t kWanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC |
                             FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS |
                             FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO |
                             FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS |
                             // The kernel asks for ACLs and obeys them, and leaves the umask to the
                             // metadata-server, which knows whether there is a default ACL.
                             FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK;
// Splicing was measured to be slower than copying; a write-back cache in the kernel would hide
// writes from other mounts; set-id bits are left to the kernel (attributes.cc).
constexpr uint32_t kUnwanted = FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                               FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_HANDLE_KILLPRIV;

void Init(void* /*userdata*/, fuse_conn_info* connection) {
  connection->want |= kWanted & connection->capable;
  connection->want &= ~kUnwanted;
  connection->max_write = kMaxRequestBytes;
  connection->max_readahead = UINT32_MAX;  // the kernel takes the smaller of its own and this
  connection->max_background = kMaxBackgroundRequests;
  connection->congestion_threshold = kCongestionThreshold;
  connection->time_gran = 1;
}

fuse_lowlevel_ops Operations(LockScope locks) {
  fuse_lowlevel_ops operations = {};
  operations.init = Init;
  AddNameOperations(&operations);
  AddAttributeOperations(&operations);
  AddFileOperations(&operations);
  // Where these are missing the kernel keeps locks itself.
  if (locks == LockScope::kCluster) AddLockOperations(&operations);
  AddDirectoryOperations(&operations);
  AddXattrOperations(&operations);
  return operations;
}

// libfuse separates options by commas and takes a backslash for an escape.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string OptionText(const SessionOptions& options) {
  std::vector<std::string> words = {absl::StrCat("fsname=", Escaped(options.source)),
                                    "subtype=weft", "default_permissions"};
  if (options.allow_other) words.push_back("allow_other");
  words.insert(words.end(), options.mount_flags.begin(), options.mount_flags.end());
  return absl::StrJoin(words, ",");
}

absl::Status LibfuseError(std::string_view what) {
  const std::string reason = TakeLibfuseError();
  return PosixError(EIO, absl::StrCat(std::string(what), ": ",
                                      reason.empty() ? "libfuse gives no reason" : reason));
}

// Closes what `device` is open to, and puts in its place a pipe that nobody reads. libfuse takes
// the error that poll(2) reports of it for a mount that has ended, and unmounts nothing.
void EndConnection(int device) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  ::close(ends[0]);
  ::dup3(ends[1], device, O_CLOEXEC);
  ::close(ends[1]);
}

absl::Status WriteTo(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return LastError("open " + path);
  if (::write(file.get(), text.data(), text.size()) < 0) return LastError("write " + path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Make(SessionOptions options, Adapter* adapter) {
  RouteLibfuseLog();
  const std::string option_text = OptionText(options);
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  for (const std::string& word : {std::string("weft"), std::string("-o"), option_text}) {
    fuse_opt_add_arg(&arguments, word.c_str());
  }
  const fuse_lowlevel_ops operations = Operations(adapter->locks);
  fuse_session* const session =
      fuse_session_new(&arguments, &operations, sizeof(operations), adapter);
  fuse_opt_free_args(&arguments);
  if (session == nullptr) return LibfuseError("mount options " + option_text);
  return std::unique_ptr<Session>(new Session(std::move(options), adapter, session));
}

Session::Session(SessionOptions options, Adapter* adapter, fuse_session* session)
    : options_(std::move(options)),
      adapter_(adapter),
      session_(session),
      invalidation_(std::make_shared<Invalidation>(session)) {}

Session::~Session() {
  if (workers_ != nullptr && fuse_session_exited(session_.get()) == 0) {
    const absl::Status status = Unmount();
    if (!status.ok()) spdlog::error("{}", MessageOf(status));
  }
  // While there are threads that serve what a call in progress may wait for.
  invalidation_->Close();
  workers_.reset();
  adapter_->parked_locks.AbandonAll();
  // A mount that was detached is left alone: what is at its mount point now is not ours.
  if (detached_) EndConnection(fuse_session_fd(session_.get()));
  // Closes the descriptor, whereupon the kernel fails what is still asked.
  fuse_session_unmount(session_.get());
}

absl::Status Session::Start() {
  if (fuse_session_mount(session_.get(), options_.mount_point.c_str()) != 0) {
    return LibfuseError("mount on " + options_.mount_point);
  }
  workers_ = std::make_unique<Workers>(session_.get(), options_.max_threads);
  WEFT_RETURN_IF_ERROR(AskForRoot());
  SetKernelReadAhead();
  return absl::OkStatus();
}

absl::Status Session::AskForRoot() {
  struct stat root = {};
  if (::stat(options_.mount_point.c_str(), &root) != 0) {
    return LastError("first look at " + options_.mount_point);
  }
  if (root.st_ino != kRootInode.value()) {
    return PosixError(EIO, options_.mount_point + " does not show the mounted file system");
  }
  device_ = root.st_dev;
  return absl::OkStatus();
}

void Session::SetKernelReadAhead() const {
  const std::string path =
      absl::StrCat("/sys/class/bdi/", major(device_), ":", minor(device_), "/read_ahead_kb");
  const absl::Status status = WriteTo(path, absl::StrCat(options_.kernel_read_ahead_bytes / 1024));
  if (!status.ok()) {
    spdlog::info("the kernel's read-ahead stays at its default: {}", MessageOf(status));
  }
}

void Session::WaitForEnd() { workers_->WaitForEnd(); }

bool Session::IsAtMountPoint() const {
  struct stat root = {};
  // Before the first look has succeeded, nobody else can have mounted over it in our name.
  return device_ == 0 ||
         (::stat(options_.mount_point.c_str(), &root) == 0 && root.st_dev == device_);
}

absl::Status Session::Unmount() {
  if (!IsAtMountPoint()) {
    spdlog::warn("{} is detached already; its open files fail from now on", options_.mount_point);
    StopServing();
    return absl::OkStatus();
  }
  const absl::Status status = fuse::Unmount(options_.mount_point, UnmountMode::kNormal);
  if (ErrnoOf(status) != EBUSY) return status;
  spdlog::warn("{} is in use; its open files fail from now on", options_.mount_point);
  WriteMappedPages();
  WEFT_RETURN_IF_ERROR(fuse::Unmount(options_.mount_point, UnmountMode::kLazy));
  StopServing();
  return absl::OkStatus();
}

void Session::WriteMappedPages() {
  const UniqueFd root(::open(options_.mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // The kernel only sends the pages: it does not wait for the answers.
  if (root.is_open() && ::syncfs(root.get()) == 0 && workers_->Drain(kMaxDrain)) return;
  spdlog::error("what was changed in mapped memory may not have been written");
}

void Session::StopServing() {
  detached_ = true;
  invalidation_->Close();
  workers_->Stop();
}

}  // namespace weft::fuse
