// A whole mount: connects to the metadata-server, mounts, serves until unmounted, and writes out.
#pragma once

#include <absl/status/status.h>

#include <functional>

#include "client/core/vfs.h"
#include "client/fuse/adapter.h"
#include "client/fuse/session.h"
#include "common/stop_signal.h"

namespace weft::fuse {

struct MountOptions {
  client::VfsOptions vfs;
  SessionOptions session;
  CacheTimeouts timeouts;
  LockScope locks = LockScope::kCluster;
};

// Returns when the file system has been unmounted: from outside, or after a signal of `stop`, on
// which this unmounts it. `on_ready` is called once it can be used, and answers whether to go on:
// false unmounts at once. The error says why the mount did not come about, or what could not be
// written at its end. One call per process at a time.
[[nodiscard]] absl::Status ServeMount(const MountOptions& options, StopSignal* stop,
                                      const std::function<bool()>& on_ready);

}  // namespace weft::fuse
