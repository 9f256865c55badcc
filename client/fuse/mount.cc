#include "client/fuse/mount.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "client/fuse/exit_report.h"
#include "common/status.h"
#include "common/version.h"

namespace weft::fuse {
namespace {

// Unmounts when a signal to stop comes. Its end must come after that of the mount.
class Stopper {
 public:
  Stopper(Session* session, StopSignal* stop)
      : thread_([this, session, stop] {
          for (;;) {
            const int signal = stop->Wait();
            if (unmounted_) return;
            spdlog::info("signal {}: unmounting", signal);
            const absl::Status status = session->Unmount();
            if (!status.ok()) spdlog::error("{}", MessageOf(status));
          }
        }) {}
  ~Stopper() {
    unmounted_ = true;
    ::pthread_kill(thread_.native_handle(), SIGTERM);  // ends its waiting
    thread_.join();
  }

 private:
  std::atomic<bool> unmounted_ = false;
  std::thread thread_;
};

std::string MountJson(const MountOptions& options, const ExitReport& report) {
  const nlohmann::ordered_json json = {{"server", options.vfs.server},
                                       {"mount_point", options.session.mount_point},
                                       {"pid", ::getpid()},
                                       {"exit_report_fd", report.fd()},
                                       {"version", kVersion}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

absl::Status Serve(const MountOptions& options, Adapter* adapter, StopSignal* stop,
                   const std::function<bool()>& on_ready) {
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                        Session::Make(options.session, adapter));
  adapter->vfs.OnInvalidate(
      [invalidation = session->invalidation()](InodeId inode) { invalidation->Invalidate(inode); });
  WEFT_RETURN_IF_ERROR(session->Start());
  spdlog::info("{} is mounted on {}", options.vfs.server, options.session.mount_point);
  if (!on_ready()) return PosixError(EINTR, "nobody waits for the mount any more");
  const Stopper stopper(session.get(), stop);
  session->WaitForEnd();
  return absl::OkStatus();
}

}  // namespace

absl::Status ServeMount(const MountOptions& options, StopSignal* stop,
                        const std::function<bool()>& on_ready) {
  const ExitReport report;
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<client::Vfs> vfs, client::Vfs::Mount(options.vfs));
  Adapter adapter = {.vfs = *vfs,
                     .timeouts = options.timeouts,
                     .mount_json = MountJson(options, report),
                     .locks = options.locks};
  const absl::Status served = Serve(options, &adapter, stop, on_ready);
  const absl::Status closed = vfs->Close();
  report.Write(closed);
  if (!closed.ok()) spdlog::error("unmounted, but not all was written: {}", MessageOf(closed));
  if (served.ok() && closed.ok()) spdlog::info("unmounted {}", options.session.mount_point);
  return served.ok() ? closed : served;
}

}  // namespace weft::fuse
