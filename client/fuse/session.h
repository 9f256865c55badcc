// One mount in the kernel: from fuse_session_new to the end of the connection.
//
// Thread-safe after Start.
#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/fuse/adapter.h"
#include "client/fuse/invalidation.h"
#include "client/fuse/libfuse.h"
#include "client/fuse/workers.h"

namespace weft::fuse {

struct SessionOptions {
  std::string source;       // what the mount table shows as the device
  std::string mount_point;  // absolute
  // Of mount(8), as libfuse takes them: "ro", "nosuid", ...
  std::vector<std::string> mount_flags;
  bool allow_other = false;  // else only who mounted it can see it
  // Of the kernel, for one open file; setting more than 128 KiB takes root.
  uint64_t kernel_read_ahead_bytes = uint64_t{8} << 20;
  uint32_t max_threads = 64;
};

class Session {
 public:
  // Nothing is mounted yet. `adapter` must outlive this.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Session>> Make(SessionOptions options,
                                                                     Adapter* adapter);
  // Unmounts what is still mounted.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Mounts, serves, and has made sure of it by asking for the root when it returns OK. Once.
  [[nodiscard]] absl::Status Start();

  // Returns when the file system has been unmounted, by whomever.
  void WaitForEnd();

  // Unmounts. A mount in use is detached and no longer served: calls on what is open wait for the
  // end of this object, and then fail. What was changed in mapped memory is written out before.
  [[nodiscard]] absl::Status Unmount();

  // Where stale caches are told; may outlive the session.
  [[nodiscard]] const std::shared_ptr<Invalidation>& invalidation() const { return invalidation_; }

 private:
  struct Deleter {
    void operator()(fuse_session* session) const { fuse_session_destroy(session); }
  };

  Session(SessionOptions options, Adapter* adapter, fuse_session* session);

  [[nodiscard]] absl::Status AskForRoot();
  void SetKernelReadAhead() const;
  [[nodiscard]] bool IsAtMountPoint() const;
  void WriteMappedPages();
  void StopServing();

  const SessionOptions options_;
  Adapter* const adapter_;
  const std::unique_ptr<fuse_session, Deleter> session_;
  const std::shared_ptr<Invalidation> invalidation_;
  std::unique_ptr<Workers> workers_;  // set by Start
  dev_t device_ = 0;                  // set by Start; 0: not mounted
  std::atomic<bool> detached_ = false;
};

}  // namespace weft::fuse
